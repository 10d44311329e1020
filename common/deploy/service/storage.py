"""Images that come in, as files in a folder for each study: on the disk and in the queue before they are confirmed."""

from __future__ import annotations

import hashlib
import re
import shutil
import threading
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum
from io import BytesIO
from pathlib import Path

from ...files import write_durably
from ..prediction.codes import MANUFACTURER
from .study_queue import StudyQueue

__all__ = ["Status", "Storage"]

UID = re.compile(r"[0-9][0-9.]{0,63}")
HEADER = ("StudyInstanceUID", "SOPInstanceUID", "SOPClassUID", "Manufacturer", "Rows")
STRUCTURE_SET = "1.2.840.10008.5.1.4.1.1.481.3"


class Status(IntEnum):
    """Answers to a sender (PS3.7 C.4, PS3.4 B.2.3)."""

    SUCCESS = 0x0000
    NO_SPACE = 0xA700
    NOT_UNDERSTOOD = 0xC000


class Storage:
    """Folder of incoming images.

    Args:
        folder: folder; created if missing.
        queue: queue to which the images are added.
        min_free: free space in bytes below which nothing more is accepted.
    """

    def __init__(self, folder: Path, queue: StudyQueue, min_free: float = 0.0) -> None:
        self.folder, self.queue, self.min_free = folder, queue, min_free
        self.received = self.ignored = self.refused = 0
        self._lock = threading.Lock()
        self._busy: Counter[str] = Counter()  # images that are being stored, by study
        folder.mkdir(parents=True, exist_ok=True)

    @property
    def has_space(self) -> bool:
        """Whether there is enough free space to accept more."""
        return shutil.disk_usage(self.folder).free >= self.min_free

    def study_folder(self, study: str) -> Path:
        """Folder of the images of a study.

        Args:
            study: Study Instance UID.
        """
        return self.folder / study

    def receive(self, content: bytes, transfer: str, complete: bool = False) -> Status:
        """Store one DICOM file and add it to the queue.

        Files that no prediction uses (reports, presentation states, and this program's own results, which an archive
        may send back) are confirmed and dropped.

        Args:
            content: the file, with preamble.
            transfer: name of the transfer in which it came.
            complete: whether the end of the transfer is not announced.

        Returns:
            The answer to the sender.
        """
        import pydicom

        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # values that violate the standard, which may be names
                header = pydicom.dcmread(BytesIO(content), stop_before_pixels=True, specific_tags=list(HEADER))
                study, instance = (str(header.get(key) or "") for key in HEADER[:2])
        except Exception:  # pydicom raises many types for damaged headers
            study = instance = ""
        if not UID.fullmatch(study) or not UID.fullmatch(instance):
            self.refused += 1
            return Status.NOT_UNDERSTOOD
        is_used = bool(header.get("Rows")) or header.get("SOPClassUID") == STRUCTURE_SET
        if header.get("Manufacturer") == MANUFACTURER or not is_used:
            self.ignored += 1
            return Status.SUCCESS
        if not self.has_space:
            self.refused += 1
            return Status.NO_SPACE
        digest = hashlib.sha256(content).hexdigest()
        if self.queue.is_known(study, instance, digest):
            self.ignored += 1
            return Status.SUCCESS
        with self._storing(study):
            write_durably(self._path(study, instance), content)
            self.queue.add(study, instance, digest, transfer, complete)
        self.received += 1
        return Status.SUCCESS

    def clean(self) -> int:
        """Remove files that the queue does not know: they were never confirmed, or their study has been forgotten.

        Returns:
            The number of files removed.
        """
        known = {self._path(*pair) for pair in self.queue.instances()}
        count = 0
        for folder in [path for path in self.folder.iterdir() if path.is_dir()]:
            for path in folder.iterdir():
                if path not in known:
                    path.unlink()
                    count += 1
            if not any(folder.iterdir()):
                folder.rmdir()
        return count

    def forget(self, older: float) -> None:
        """Remove the images of studies that have been done for some time, but none that comes meanwhile.

        Args:
            older: least age in seconds.
        """
        with self._lock:
            for study in self.queue.forget(older, self._busy):
                shutil.rmtree(self.study_folder(study), ignore_errors=True)

    @contextmanager
    def _storing(self, study: str) -> Iterator[None]:
        with self._lock:
            self._busy[study] += 1
        try:
            yield
        finally:
            with self._lock:
                self._busy[study] -= 1
                if not self._busy[study]:
                    del self._busy[study]

    def _path(self, study: str, instance: str) -> Path:
        return self.study_folder(study) / f"{instance}.dcm"
