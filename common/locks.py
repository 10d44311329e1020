"""One run per folder of outputs."""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from .errors import InputError

__all__ = ["FolderLock", "locked"]

_TRIES = 100


class FolderLock:
    """Exclusive use of a folder by this process; the system ends it when the process ends for any reason.

    It is a record lock, which no process of a data loader inherits: a killed run frees its folder at once.

    Args:
        folder: folder of outputs; created if missing, and removed again at the end if nothing was written there.

    Attributes:
        exclusive: whether the folder is taken; not on a file system without locks, which refuses nobody.
    """

    def __init__(self, folder: str | Path) -> None:
        self.path = Path(folder) / ".lock"
        self._made: list[Path] = []  # folders that were not there, innermost first
        self._handle: int | None = None
        self.exclusive = False

    def acquire(self) -> None:
        """Take the folder.

        Raises:
            InputError: another process uses the folder, or nothing can be written there.
        """
        for _ in range(_TRIES):  # as the end of another run may remove the folder, or the file of its lock, meanwhile
            try:
                if self._taken():
                    return
                problem = "other runs take and leave it"
            except FileNotFoundError as error:
                problem = str(error.strerror)
            except OSError as error:
                raise self._not_writable(error.strerror) from error
        raise self._not_writable(problem)

    def _taken(self) -> bool:
        """Try once; ``False`` if the file of the lock was removed after it was opened."""
        new = [path for path in (self.path.parent, *self.path.parent.parents) if not path.exists()]
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self._made += [path for path in new if path not in self._made]
        self._handle = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.lockf(self._handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            self._close()
            raise InputError(
                f"{self.path.parent}: another run writes there at present; wait for its end, or name another folder"
            ) from None
        except OSError:  # a file system without locks
            return True
        if os.fstat(self._handle).st_nlink == 0:
            self._close()
            return False
        self.exclusive = True
        return True

    def _not_writable(self, problem: str | None) -> InputError:
        return InputError(
            f"{self.path.parent}: not writable ({problem}); name another folder, or correct the permissions"
        )

    def release(self) -> None:
        """Free the folder; nothing happens if it is not taken."""
        if self._handle is not None:
            self.path.unlink(missing_ok=True)
            self._close()
            with suppress(OSError):  # of a folder with results
                for folder in self._made:
                    folder.rmdir()

    def _close(self) -> None:
        if self._handle is not None:
            os.close(self._handle)
        self._handle, self.exclusive = None, False


@contextmanager
def locked(folder: str | Path) -> Iterator[None]:
    """Exclusive use of a folder in a ``with`` block, see :class:`FolderLock`."""
    lock = FolderLock(folder)
    lock.acquire()
    try:
        yield
    finally:
        lock.release()
