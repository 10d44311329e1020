"""Small studies, senders that try again as scanners do, and an archive that counts what it gets."""

from __future__ import annotations

import socket
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, MRImageStorage, generate_uid


def image(study: str, instance: str, number: int, count: int = 1, **tags: object) -> FileDataset:
    """A small picture of MR, one of ``count`` of its study."""
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID, meta.MediaStorageSOPInstanceUID = MRImageStorage, UID(instance)
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
    data.SOPClassUID, data.SOPInstanceUID, data.StudyInstanceUID = MRImageStorage, instance, study
    data.SeriesInstanceUID, data.InstanceNumber, data.ImagesInAcquisition = f"{study}.1", number, count
    data.PatientName, data.PatientID, data.Modality = "Roe^Jane", "MRN4711", "MR"
    data.Rows = data.Columns = 4
    data.BitsAllocated = data.BitsStored = 16
    data.HighBit, data.PixelRepresentation, data.SamplesPerPixel = 15, 0, 1
    data.PhotometricInterpretation = "MONOCHROME2"
    data.PixelData = np.full((4, 4), number, np.uint16).tobytes()
    for keyword, value in tags.items():
        setattr(data, keyword, value)
    return data


def write_image(path: Path, study: str, instance: str, number: int, count: int = 1, **tags: object) -> Path:
    """The same as a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image(study, instance, number, count, **tags).save_as(path, enforce_file_format=True)
    return path


def study_of(count: int, **tags: object) -> list[FileDataset]:
    """All images of a new study."""
    study = generate_uid(entropy_srcs=None)[:50].rstrip(".")
    return [image(study, f"{study}.1.{number}", number, count, **tags) for number in range(1, count + 1)]


def associate(
    port: int, title: str = "SCANNER", called: str = "CLINSSL", tls=None, host: str = "127.0.0.1", seconds: float = 60.0
):
    """An association with the service, which may have been rejected; an answer is waited for so many seconds."""
    from pynetdicom import AE

    entity = AE(ae_title=title)
    entity.connection_timeout = entity.acse_timeout = entity.dimse_timeout = seconds
    entity.add_requested_context(MRImageStorage, ExplicitVRLittleEndian)
    return entity.associate(host, port, ae_title=called, tls_args=tls)


def send(images: Sequence[FileDataset], port: int, **options: Any) -> bool:
    """Send images in one association; whether all were confirmed and the association was released."""
    association = associate(port, **options)
    if not association.is_established:
        return False
    try:
        confirmed = [association.send_c_store(each).get("Status") == 0 for each in images if association.is_established]
        association.release()
    except BaseException:
        association.abort()
        raise
    return len(confirmed) == len(images) and all(confirmed) and association.is_released


def break_off(images: Sequence[FileDataset], port: int, **options: Any) -> bool:
    """Send images, then abort the association; whether all were confirmed."""
    association = associate(port, **options)
    confirmed = [association.send_c_store(each).get("Status") == 0 for each in images]
    association.abort()
    return all(confirmed)


@contextmanager
def receiving_archive(
    statuses: Callable[[str], int] = lambda _: 0, port: int = 0, host: str = "127.0.0.1"
) -> Iterator[tuple[int, Counter]]:
    """An archive on loopback: its port, and how often each study and instance has come."""
    from pynetdicom import AE, AllStoragePresentationContexts, evt

    came: Counter = Counter()
    lock = threading.Lock()

    def store(event) -> int:
        status = statuses(event.dataset.StudyInstanceUID)
        if status == 0:
            with lock:
                came[event.dataset.StudyInstanceUID, event.dataset.SOPInstanceUID] += 1
        return status

    entity = AE(ae_title="PACS")
    entity.supported_contexts = AllStoragePresentationContexts
    server = entity.start_server((host, port), block=False, evt_handlers=[(evt.EVT_C_STORE, store)])
    try:
        yield server.socket.getsockname()[1], came
    finally:
        server.shutdown()


def has_ipv6() -> bool:
    """Whether this machine has the address ``::1``."""
    try:
        with socket.create_server(("::1", 0), family=socket.AF_INET6):
            return True
    except OSError:
        return False


def wait_for(condition: Callable[[], object], seconds: float = 120.0) -> None:
    """Wait until a condition holds."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.02)
