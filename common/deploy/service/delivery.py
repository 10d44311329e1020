"""Delivery of results: C-STORE to an archive, or STOW-RS to a DICOMweb server."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from .dicom_listener import client_context
from .service_log import LOGGER, brief
from .settings import ServiceSettings
from .study_queue import Delivery, StudyQueue

if TYPE_CHECKING:
    from pydicom import Dataset

__all__ = ["Deliverer", "DeliveryError", "back_off", "display_name", "send"]

LONGEST_PAUSE = 3600.0  # seconds between two attempts
TIMEOUT = 60.0  # seconds


class DeliveryError(RuntimeError):
    """A destination was not reached, or refused a file."""


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
    place = f"{url.hostname}:{url.port}" if url.port else str(url.hostname)
    return f"{url.scheme}://{f'{url.username}@' if url.scheme.startswith('dicom') else ''}{place}{url.path}"


def send(destination: str, files: Sequence[Path], settings: ServiceSettings) -> None:
    """Send files, and return when the destination has confirmed all of them.

    Args:
        destination: destination as in the settings.
        files: DICOM files.
        settings: settings of the service, with its AE title and keys.

    Raises:
        DeliveryError: there is no file, or the destination was not reached or refused one.
    """
    import pydicom

    if not files:
        raise DeliveryError("the results are not there any more")
    datasets = [pydicom.dcmread(path) for path in files]
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
                raise DeliveryError(f"the destination refused a file with status 0x{status:04X}")
    finally:
        association.release()


def _send_by_web(destination: str, datasets: Sequence[Dataset], settings: ServiceSettings) -> None:
    from dicomweb_client import DICOMwebClient
    from requests import Session

    url = urlsplit(destination)
    session = Session()
    session.trust_env = False  # no proxy and no .netrc of the environment
    if url.username:
        session.auth = (unquote(url.username), unquote(url.password or ""))
    if settings.tls_authority is not None:
        session.verify = settings.tls_authority
    place = f"{url.hostname}:{url.port}" if url.port else str(url.hostname)
    client = DICOMwebClient(f"{url.scheme}://{place}{url.path.rstrip('/')}", session=session)
    client.set_http_retry_params(retry=False)
    with session:
        answer = client.store_instances(list(datasets))
    if failed := answer.get("FailedSOPSequence"):
        raise DeliveryError(f"the destination refused {len(failed)} of {len(datasets)} files")


class Deliverer(threading.Thread):
    """Thread that delivers what is due, with growing pauses after failures.

    Args:
        queue: queue with the deliveries.
        settings: settings of the service.
        stop: event that ends the thread.
    """

    def __init__(self, queue: StudyQueue, settings: ServiceSettings, stop: threading.Event) -> None:
        super().__init__(name="delivery", daemon=True)
        self.queue, self.settings, self.stop = queue, settings, stop

    def run(self) -> None:
        """Deliver until the event is set."""
        while not self.stop.is_set():
            delivery = self.queue.next_delivery()
            if delivery is None:
                self.stop.wait(0.2)
            else:
                self.deliver(delivery)

    def deliver(self, delivery: Delivery) -> None:
        """Try one delivery.

        Args:
            delivery: delivery that is due.
        """
        name = display_name(delivery.destination)
        try:
            send(delivery.destination, sorted(delivery.results.glob("*.dcm")), self.settings)
        except Exception as error:
            reason = str(error) if isinstance(error, DeliveryError) else brief(error)
            attempt = delivery.attempts + 1
            again = back_off(self.settings.backoff, attempt) if attempt < self.settings.attempts else None
            self.queue.not_delivered(delivery, f"{name}: {reason}", again)
            then = "given up" if again is None else f"again in {again:.0f} s"
            LOGGER.error("study %s: not delivered to %s (%s); %s", delivery.study, name, reason, then)
        else:
            self.queue.delivered(delivery)
            LOGGER.info("study %s: delivered to %s", delivery.study, name)
