"""Delivery of results: C-STORE to an archive, or STOW-RS to a DICOMweb server."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from .delivery_queue import Delivery, DeliveryQueue
from .dicom_listener import client_context
from .service_log import LOGGER, brief
from .settings import ServiceSettings

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["Deliverer", "DeliveryError", "RefusedError", "back_off", "display_name", "send"]

LONGEST_PAUSE = 3600.0  # seconds between two attempts
TIMEOUT = 60.0  # seconds
OUT_OF_RESOURCES = 0xA7  # first byte of a status
REFUSALS = (400, 409, 413, 415, 422)  # codes of HTTP for what was sent, whereas others are about the server


class DeliveryError(RuntimeError):
    """A destination was not reached, or takes nothing at present."""


class RefusedError(DeliveryError):
    """These results cannot be sent, or the destination does not take them; other results may be sent to it."""


def back_off(base: float, attempt: int) -> float:
    """Time in seconds before the next attempt: it doubles, up to an hour.

    Args:
        base: time before the second attempt.
        attempt: number of attempts so far.
    """
    return min(base * 2.0 ** min(attempt - 1, 30), LONGEST_PAUSE)


def display_name(destination: str) -> str:
    """A destination without its password.

    Args:
        destination: destination as in the settings.
    """
    url = urlsplit(destination)
    title = f"{url.username}@" if url.scheme.startswith("dicom") else ""
    return f"{url.scheme}://{title}{_place(destination)}{url.path}"


def _place(destination: str) -> str:
    """Host and port of a destination; an IPv6 address is in brackets."""
    return urlsplit(destination).netloc.rpartition("@")[2]


def send(destination: str, files: Sequence[Path], settings: ServiceSettings) -> None:
    """Send files, and return when the destination has confirmed all of them.

    Args:
        destination: destination as in the settings.
        files: DICOM files.
        settings: settings of the service, with its AE title and keys.

    Raises:
        RefusedError: there is no file, one cannot be read, or the destination refused one.
        DeliveryError: the destination was not reached, or takes nothing at present.
    """
    import pydicom

    if not files:
        raise RefusedError("the results are not there any more")
    try:
        datasets = [pydicom.dcmread(path) for path in files]
    except Exception as error:  # pydicom raises many types; the destination is not to blame
        raise RefusedError(f"the results cannot be read ({brief(error)})") from error
    try:
        sender = _send_by_store if destination.startswith("dicom") else _send_by_web
        sender(destination, datasets, settings)
    except DeliveryError:
        raise
    except Exception as error:  # requests, ssl and pynetdicom raise many types
        raise DeliveryError(brief(error)) from error


def _send_by_store(destination: str, datasets: Sequence[Dataset], settings: ServiceSettings) -> None:
    from pynetdicom import AE

    url = urlsplit(destination)
    entity = AE(ae_title=settings.ae_title)
    entity.acse_timeout = entity.dimse_timeout = entity.network_timeout = entity.connection_timeout = TIMEOUT
    for sop_class, syntax in {(data.SOPClassUID, data.file_meta.TransferSyntaxUID) for data in datasets}:
        entity.add_requested_context(sop_class, syntax)
    secure = (client_context(settings), str(url.hostname)) if url.scheme == "dicoms" else None
    assert url.hostname and url.port  # as the settings were checked
    association = entity.associate(url.hostname, url.port, ae_title=url.username or "", tls_args=secure)
    if not association.is_established:
        state = "rejected the association" if association.is_rejected else "was not reached"
        raise DeliveryError(f"the destination {state}")
    try:
        for data in datasets:
            status = association.send_c_store(data).get("Status")
            if status is None:
                raise DeliveryError("the destination broke off")
            if status != 0 and status >> 12 != 0xB:  # a warning is a success
                kind = DeliveryError if status >> 8 == OUT_OF_RESOURCES else RefusedError
                raise kind(f"the destination refused a file with status 0x{status:04X}")
    finally:
        association.release()


def _send_by_web(destination: str, datasets: Sequence[Dataset], settings: ServiceSettings) -> None:
    from dicomweb_client import DICOMwebClient
    from requests import HTTPError, Session

    url = urlsplit(destination)
    session = Session()
    session.trust_env = False  # no proxy and no .netrc of the environment
    if url.username:
        session.auth = (unquote(url.username), unquote(url.password or ""))
    if settings.tls_authority is not None:
        session.verify = settings.tls_authority
    address = f"{url.scheme}://{_place(destination)}{url.path.rstrip('/')}"
    client = DICOMwebClient(address, session=session, timeout=TIMEOUT)
    client.set_http_retry_params(retry=False)
    with session:
        try:
            answer = client.store_instances(list(datasets))
        except HTTPError as error:
            code = getattr(error.response, "status_code", None)
            kind = RefusedError if code in REFUSALS else DeliveryError
            raise kind(brief(error)) from error
    if failed := answer.get("FailedSOPSequence"):
        raise RefusedError(f"the destination refused {len(failed)} of {len(datasets)} files")


class Deliverer(threading.Thread):
    """Thread that delivers to one destination what is due, with growing pauses after failures.

    Each destination has a thread, so that one that is away holds up no other. While it is away, one delivery is tried
    after each pause, not all that wait.

    Args:
        queue: queue with the deliveries.
        destination: destination as in the settings.
        settings: settings of the service.
        stop: event that ends the thread.

    Attributes:
        problem: reason for which the destination took nothing at the last attempt; empty if it answered.
    """

    def __init__(
        self, queue: DeliveryQueue, destination: str, settings: ServiceSettings, stop: threading.Event
    ) -> None:
        super().__init__(name="delivery", daemon=True)
        self.queue, self.destination, self.settings, self.stop = queue, destination, settings, stop
        self.problem = "not tried yet"
        self._failures = 0  # in a row

    def run(self) -> None:
        """Deliver until the event is set."""
        while not self.stop.is_set():
            delivery = self.queue.next_delivery(self.destination)
            if delivery is None:
                self.stop.wait(0.2)
            elif not self.deliver(delivery):
                self.stop.wait(back_off(self.settings.backoff, self._failures))

    def deliver(self, delivery: Delivery) -> bool:
        """Try one delivery; returns whether the destination answers.

        Args:
            delivery: delivery that is due.
        """
        name = display_name(delivery.destination)
        try:
            send(delivery.destination, sorted(delivery.results.glob("*.dcm")), self.settings)
        except Exception as error:
            reason = str(error) if isinstance(error, DeliveryError) else brief(error)
            self._postpone(delivery, name, reason)
            if not isinstance(error, RefusedError):
                self._failures, self.problem = self._failures + 1, reason
                return False
        else:
            self.queue.delivered(delivery)
            LOGGER.info("study %s: delivered to %s", delivery.study, name)
        self._failures, self.problem = 0, ""
        return True

    def _postpone(self, delivery: Delivery, name: str, reason: str) -> None:
        attempt = delivery.attempts + 1
        again = back_off(self.settings.backoff, attempt) if attempt < self.settings.attempts else None
        self.queue.not_delivered(delivery, f"{name}: {reason}", again)
        then = "given up" if again is None else f"again in {again:.0f} s"
        LOGGER.error("study %s: not delivered to %s (%s); %s", delivery.study, name, reason, then)
