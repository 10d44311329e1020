"""Temporary folders that are removed even if their process was killed."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["temporary_folder"]

_PREFIX = "clinical-ssl-bundles-"
_GRACE = 60.0  # seconds that an empty folder may be without a lock, which is set before anything is written


@contextmanager
def temporary_folder(parent: str | Path | None = None, prefix: str = _PREFIX) -> Iterator[Path]:
    """Provide a folder that only this user can read, and remove it at the end, as well as those of killed processes.

    A folder in use is locked by its process, and the system releases the lock when the process ends for any reason.
    So each call removes the folders with the same prefix that are not locked.

    Args:
        parent: parent folder, by default the system's folder for temporary files (``TMPDIR``).
        prefix: prefix of the folder's name, by which abandoned folders are recognised.
    """
    parent = Path(tempfile.gettempdir() if parent is None else parent)
    _remove_abandoned(parent, prefix)
    with tempfile.TemporaryDirectory(dir=parent, prefix=prefix, ignore_cleanup_errors=True) as name:
        handle = os.open(name, os.O_RDONLY)
        try:
            with suppress(OSError):  # a file system without locks
                fcntl.flock(handle, fcntl.LOCK_EX)
            yield Path(name)
        finally:
            os.close(handle)


def _remove_abandoned(parent: Path, prefix: str) -> None:
    """Remove this user's folders of that prefix that no process has locked."""
    with os.scandir(parent) as entries:
        names = [
            entry.path for entry in entries if entry.name.startswith(prefix) and entry.is_dir(follow_symlinks=False)
        ]
    for name in names:
        with suppress(OSError):
            handle = os.open(name, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
            try:
                found = os.fstat(handle)
                abandoned = os.listdir(handle) or time.time() - found.st_mtime > _GRACE
                if found.st_uid == os.getuid() and abandoned:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(name, ignore_errors=True)
            finally:
                os.close(handle)
