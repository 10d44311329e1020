"""Temporary folders that do not outlive their process for long, however it ends."""

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
_GRACE = 60.0  # seconds that a process may take from making a folder to locking it


@contextmanager
def temporary_folder(parent: str | Path | None = None, prefix: str = _PREFIX) -> Iterator[Path]:
    """Give a folder that this user alone can read, and remove it at the end; what killed processes left is removed too.

    A folder in use is locked by its process, and the system releases the lock when the process ends, however it ends.
    So each call removes the folders of its kind that nobody holds.

    Args:
        parent: folder to make it in, by default the system's for temporary files (``TMPDIR``).
        prefix: beginning of its name, by which folders of its kind are known.
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
                if found.st_uid == os.getuid() and time.time() - found.st_mtime > _GRACE:
                    fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    shutil.rmtree(name, ignore_errors=True)
            finally:
                os.close(handle)
