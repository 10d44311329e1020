"""The DICOM listener: C-STORE and C-ECHO for senders on an allow-list, over TLS where keys are given."""

from __future__ import annotations

import ipaddress
import logging
import ssl
import threading
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from ...errors import InputError, one_line
from .service_log import LOGGER, brief
from .settings import ServiceSettings, address_error
from .storage import Status, Storage

if TYPE_CHECKING:
    from pynetdicom.events import Event

__all__ = ["DicomListener", "client_context", "server_context"]

# PS3.8 9.3.4: rejected permanently by the service user, since the calling AE title is not recognized
NOT_RECOGNIZED = (1, 1, 3)
ASSOCIATIONS = 32  # at a time
TIMEOUT = 60.0  # seconds without a message after which a connection is closed


class DicomListener:
    """Listener that stores what the allowed senders send.

    Args:
        settings: settings of the service.
        storage: store of the images.

    Attributes:
        port: port on which it listens.
        rejected: number of associations that were rejected.
    """

    def __init__(self, settings: ServiceSettings, storage: Storage) -> None:
        self.settings, self.storage = settings, storage
        self.networks = {
            str(title).strip(): [ipaddress.ip_network(address) for address in _listed(addresses)]
            for title, addresses in settings.peers.items()
        }
        self.port = self.rejected = 0
        self._lock = threading.Lock()
        self._transfers: dict[Any, str] = {}  # names of the open ones, by association

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Listen while the block runs."""
        from pynetdicom import AE, ALL_TRANSFER_SYNTAXES, AllStoragePresentationContexts, evt

        logging.getLogger("pynetdicom").setLevel(logging.CRITICAL)  # its messages could contain parts of the header
        entity = AE(ae_title=self.settings.ae_title)
        entity.require_called_aet = True
        entity.maximum_associations = ASSOCIATIONS
        entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = TIMEOUT
        for context in AllStoragePresentationContexts:
            entity.add_supported_context(str(context.abstract_syntax), ALL_TRANSFER_SYNTAXES)
        entity.add_supported_context("1.2.840.10008.1.1")  # verification
        handlers: list[Any] = [
            (evt.EVT_REQUESTED, self._requested),
            (evt.EVT_C_STORE, self._store),
            (evt.EVT_PDU_RECV, self._received),
        ]
        address = (self.settings.host, self.settings.port)
        secure = server_context(self.settings)
        try:
            server = entity.start_server(address, block=False, ssl_context=secure, evt_handlers=handlers)
        except OSError as error:
            raise address_error("host, port", *address, error) from None
        assert server is not None and server.socket is not None  # as it does not block
        self.port = server.socket.getsockname()[1]
        try:
            yield
        finally:
            server.shutdown()

    def open_transfers(self) -> set[str]:
        """Names of the transfers that are under way, one for each association."""
        with self._lock:
            self._transfers = {each: name for each, name in self._transfers.items() if each.is_alive()}
            return set(self._transfers.values())

    def _transfer(self, association: Any) -> str:
        """Name of an association's transfer, which no other has, whatever its sender and whenever it came."""
        with self._lock:
            return self._transfers.setdefault(association, uuid.uuid4().hex)

    def _requested(self, event: Event) -> None:
        """Reject whoever is not on the list."""
        sender = event.assoc.requestor
        request, address = sender.primitive, sender.address
        title = "" if request is None else str(request.calling_ae_title).strip()
        if any(_plain_address(address) in network for network in self.networks.get(title, ())):
            return
        self.rejected += 1
        LOGGER.warning("rejected a connection of AE title %r from %s: not among the peers", title, address)
        event.assoc.acse.send_reject(*NOT_RECOGNIZED)
        event.assoc.kill()

    def _store(self, event: Event) -> int:
        try:
            status = self.storage.receive(event.encoded_dataset(), self._transfer(event.assoc))
        except OSError as error:  # such as a full disk
            LOGGER.error("an image could not be stored: %s", error.strerror)
            return Status.NO_SPACE
        except Exception as error:
            LOGGER.error("an image could not be stored: %s", type(error).__name__)
            return Status.NOT_UNDERSTOOD
        if status != Status.SUCCESS:
            title = str(event.assoc.requestor.ae_title).strip()
            LOGGER.error("refused an image of %r: %s", title, Status(status).name)
        return status

    def _received(self, event: Event) -> None:
        """A sender that asks for a release has sent all; this is kept before its request is confirmed."""
        if type(event.pdu).__name__ != "A_RELEASE_RQ":
            return
        with self._lock:
            name = self._transfers.get(event.assoc)
        if name is not None:
            try:
                self.storage.queue.complete(name)
            except Exception as error:  # of the disk; the study fails as if its sender had broken off
                LOGGER.error("the end of a transfer could not be recorded: %s", brief(error))
            with self._lock:
                self._transfers.pop(event.assoc, None)


def _plain_address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    """An address; a socket for both kinds gives those of version 4 as ``::ffff:10.0.0.5``."""
    address = ipaddress.ip_address(text)
    return getattr(address, "ipv4_mapped", None) or address


def _listed(addresses: str | Sequence[str]) -> Sequence[str]:
    return [addresses] if isinstance(addresses, str) else addresses


class _LateHandshake(ssl.SSLContext):
    """Handshakes happen in the connection's own thread: a silent client would hold up all others."""

    def wrap_socket(self, sock: Any, *args: Any, **options: Any) -> Any:
        """The socket with a timeout; its own thread does the handshake."""
        sock.settimeout(TIMEOUT)
        return super().wrap_socket(sock, *args, **{**options, "do_handshake_on_connect": False})


def server_context(settings: ServiceSettings) -> ssl.SSLContext | None:
    """TLS of the listener; ``None`` without a certificate.

    Args:
        settings: settings of the service.
    """
    if settings.tls_certificate is None:
        return None
    context = _LateHandshake(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    _load_own(context, settings)
    if settings.tls_authority is not None:
        try:
            context.load_verify_locations(settings.tls_authority)
        except OSError as error:
            raise InputError(f"tls_authority: {settings.tls_authority}: {one_line(error)}; expected PEM") from None
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def client_context(settings: ServiceSettings) -> ssl.SSLContext:
    """TLS towards a destination.

    Args:
        settings: settings of the service.
    """
    context = ssl.create_default_context(cafile=settings.tls_authority)
    if settings.tls_certificate is not None:
        _load_own(context, settings)
    return context


def _load_own(context: ssl.SSLContext, settings: ServiceSettings) -> None:
    try:
        context.load_cert_chain(str(settings.tls_certificate), settings.tls_key)
    except OSError as error:  # ssl.SSLError is one
        raise InputError(
            f"tls_certificate, tls_key: {settings.tls_certificate}, {settings.tls_key}: {one_line(error)}; expected a "
            "certificate and its private key without a password, both PEM"
        ) from None
