"""A watched folder, from which DICOM files are taken as soon as they have settled."""

from __future__ import annotations

import time
from pathlib import Path

from ...images.dicom_headers import is_dicom
from ...images.studies import all_files
from .service_log import LOGGER
from .storage import Status, Storage

__all__ = ["WatchedFolder"]

TRANSFER = "watched folder"


class WatchedFolder:
    """Folder whose DICOM files are stored, then removed from it; other files are left where they are.

    Args:
        folder: folder to watch, with its subfolders.
        storage: store of the files.
        settle: time in seconds for which a file must not have changed.
    """

    def __init__(self, folder: Path, storage: Storage, settle: float) -> None:
        self.folder, self.storage, self.settle = folder, storage, settle
        self.left = 0  # files that are left, at the last look
        self._seen: dict[Path, tuple[int, float]] = {}
        self._since: dict[Path, float] = {}
        self._refused: set[tuple[Path, tuple[int, float]]] = set()

    def take(self) -> int:
        """Store the files that have not changed for the settle time; returns their number."""
        now, count = time.monotonic(), 0
        present = set()
        for path in all_files(self.folder):
            try:
                found = path.stat()
                state = (found.st_size, found.st_mtime)
                present.add(path)
                if self._seen.get(path) != state:
                    self._seen[path], self._since[path] = state, now
                if now - self._since[path] >= self.settle and (path, state) not in self._refused:
                    count += self._take(path, state)
            except OSError as error:
                LOGGER.error("a file of the watched folder could not be read: %s", error.strerror)
        self._seen = {path: state for path, state in self._seen.items() if path in present}
        self._since = {path: since for path, since in self._since.items() if path in present}
        self._refused = {item for item in self._refused if item[0] in present}
        self.left = len(self._refused)
        return count

    def _take(self, path: Path, state: tuple[int, float]) -> bool:
        """Store a file and remove it; one that cannot be used stays, and is reported once."""
        status = Status.NOT_UNDERSTOOD
        if is_dicom(path):
            status = self.storage.receive(_with_preamble(path.read_bytes()), TRANSFER, complete=True)
        if status == Status.SUCCESS:
            path.unlink()
            return True
        if status == Status.NOT_UNDERSTOOD:
            self._refused.add((path, state))
            # the name of the file may be that of a patient
            LOGGER.error(
                "a file of the watched folder (%d bytes) is no DICOM file of a study; it stays there", state[0]
            )
        return False


def _with_preamble(content: bytes) -> bytes:
    """A file without preamble with one, by which its readers recognize it."""
    return content if content[128:132] == b"DICM" or content[:2] != b"\x02\x00" else b"\0" * 128 + b"DICM" + content
