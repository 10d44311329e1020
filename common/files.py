"""Files that are either whole or not there, and folders that do not outlive the process that made them for long."""

from __future__ import annotations

import fcntl
import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

__all__ = ["temporary_folder", "write_atomically"]

_PREFIX = "clinical-ssl-bundles-"
_GRACE = 60.0  # seconds that a process may take from making a folder to locking it


def write_atomically(path: str | Path, content: str | bytes) -> Path:
    """Write ``content`` under a temporary name in the same folder, made when missing, and rename it to ``path``."""
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content.encode("utf-8") if isinstance(content, str) else content)
        os.chmod(temporary, 0o666 & ~_umask())  # mkstemp's files are private
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise
    return path


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


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
