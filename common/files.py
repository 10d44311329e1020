"""Atomic writing and hashes of files."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import InputError

__all__ = [
    "check_folder",
    "file_digest",
    "folder_problem",
    "remove_temporaries",
    "replacing",
    "write_atomically",
    "write_durably",
]

_TEMPORARY = re.compile(r"\.[0-9a-f]{12}\..+")  # names of replacing
_CHUNK = 1 << 20  # bytes


@contextmanager
def replacing(path: str | Path) -> Iterator[Path]:
    """Provide a temporary path, which is renamed to ``path`` at the end of the block, or removed if it fails.

    Args:
        path: file to write or to replace; its folder is created if missing.

    Yields:
        A path in the same folder that ends in the name of ``path``, as some writers depend on the extension.

    Example:
        >>> with replacing("image.npy") as temporary:
        ...     np.save(temporary, array)
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{uuid.uuid4().hex[:12]}.{path.name}")
    try:
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        if error.errno and error.filename in (None, str(temporary)):
            error.filename, error.filename2 = str(path), None  # a full disk has no name, the temporary one says nothing
        raise
    finally:
        temporary.unlink(missing_ok=True)


def remove_temporaries(folder: str | os.PathLike) -> None:
    """Remove files that killed processes were writing by :func:`replacing` in a folder.

    Args:
        folder: folder that only this process uses, see :class:`~common.locks.FolderLock`.
    """
    for path in Path(folder).iterdir():
        if _TEMPORARY.fullmatch(path.name) and path.is_file():
            path.unlink(missing_ok=True)


def write_atomically(path: str | Path, content: str | bytes) -> Path:
    """Write a file completely or not at all, see :func:`replacing`.

    Args:
        path: file to write or to replace; its folder is created if missing.
        content: text, which is written as UTF-8, or bytes.

    Returns:
        The path written.
    """
    with replacing(path) as temporary:
        temporary.write_bytes(content.encode("utf-8") if isinstance(content, str) else content)
    return Path(path)


def write_durably(path: str | Path, content: bytes) -> Path:
    """Write a file as :func:`write_atomically` does, and return when it is on the disk: not even a power cut loses it.

    Args:
        path: file to write or to replace; its folder is created if missing.
        content: content of the file.

    Returns:
        The path written.
    """
    path = Path(path)
    with replacing(path) as temporary, open(temporary, "wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    for folder in (path.parent, path.parent.parent):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
    return path


def folder_problem(folder: str | os.PathLike) -> str | None:
    """Why no file can be written into a folder, or the folder cannot be made; ``None`` if it can.

    An empty folder of another name is made and removed again, as permissions do not say what a file system allows.

    Args:
        folder: folder that exists or will be made.

    Returns:
        The path, what the system says and the remedy.
    """
    try:
        above = next(path for path in (Path(folder).absolute(), *Path(folder).absolute().parents) if path.exists())
        os.rmdir(tempfile.mkdtemp(prefix=".", dir=above))
    except OSError as error:
        return f"{str(folder)[:300]}: cannot be written ({error.strerror}); name another folder, or correct this one"
    return None


def check_folder(folder: str | os.PathLike, option: str = "output") -> None:
    """Check that files can be written into a folder, before anything is computed for it.

    Args:
        folder: folder that exists or will be made.
        option: name of the option that names it, for the message.

    Raises:
        InputError: they cannot.
    """
    if problem := folder_problem(folder):
        raise InputError(f"{option}: {problem}")


def file_digest(path: str | Path, algorithm: str = "blake2b") -> str:
    """Hash of a file's bytes, or of all files of a folder in the order of their names.

    Args:
        path: file, or folder, such as that of a DICOM series.
        algorithm: name of an algorithm of :mod:`hashlib`.

    Returns:
        Hexadecimal digest.
    """
    if Path(path).is_dir():
        digests = [file_digest(file, algorithm) for file in sorted(Path(path).iterdir()) if file.is_file()]
        return hashlib.new(algorithm, "".join(digests).encode()).hexdigest()
    digest = hashlib.new(algorithm)
    with open(path, "rb") as file:
        while chunk := file.read(_CHUNK):  # hashlib.file_digest needs Python 3.11, and archives run on 3.10
            digest.update(chunk)
    return digest.hexdigest()
