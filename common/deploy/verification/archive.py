"""Archives: one folder in a reproducible zip file."""

from __future__ import annotations

import mmap
import os
import shutil
import stat
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

from ...errors import InputError
from ...files import replacing
from ...programs import command_of
from ...temporary import temporary_folder
from .manifest import APART, MANIFEST, REMEDY, archive_files, check_listing, check_manifest, read_manifest
from .signature import check_signature
from .zip_layout import CHUNK, Member, member_chunks, zip_layout

__all__ = ["open_archive", "write_archive"]

_FIRST_DATE = (1980, 1, 1, 0, 0, 0)  # the earliest date that a zip supports
_MODE = stat.S_IFREG | 0o644
_LARGEST = 16 << 30  # bytes of an unpacked archive; those of networks with 100 million weights have 2 GB
_LONGEST_NAME = 255  # bytes
_BEGINNING = b"PK"  # of a zip
_SHOWN = 4  # archives that a folder holds
_LARGEST_LIST = 16 << 20  # bytes of each file that is read before the others are unpacked


def write_archive(folder: str | Path, path: str | Path) -> Path:
    """Zip a folder, with its name as top level, so that the same files always give the same bytes.

    Names are sorted; dates and modes are always the same.

    Args:
        folder: folder to zip; empty folders are left out.
        path: path of the zip, which is first written under a temporary name.

    Returns:
        ``path``.
    """
    folder, path = Path(folder), Path(path)
    files = {f"{folder.name}/{file.relative_to(folder).as_posix()}": file for file in _files(folder)}
    with replacing(path) as unfinished, zipfile.ZipFile(unfinished, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            entry = zipfile.ZipInfo(name, _FIRST_DATE)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # Unix, on any machine
            entry.external_attr = _MODE << 16
            entry.file_size = files[name].stat().st_size
            with files[name].open("rb") as source, archive.open(entry, "w") as target:
                shutil.copyfileobj(source, target)
    return path


@dataclass(frozen=True)
class _File:
    """A file of an archive that is not unpacked yet: its size in bytes, and a function that reads it in chunks."""

    size: int
    chunks: Callable[[], Iterator[bytes]]


@contextmanager
def open_archive(path: str | Path, key: str | Path | None = None) -> Iterator[Path]:
    """Provide a verified private copy of an archive's folder for the duration of the context.

    Manifest and signature are checked first, then names and sizes; only then the other files are unpacked and compared
    with the manifest's hashes. Nothing is executed, and nothing trusted: names that lead out of the folder, links, and
    files that another program may unpack differently are refused before the first file is written. An unpacked archive
    is copied, so that the checked files are the ones used, and using it does not write into the original.

    Args:
        path: zip file written by :func:`write_archive`, or its unpacked folder.
        key: PEM of the public key with which the signature is verified.

    Yields:
        The folder, under the archive's own name.

    Raises:
        InputError: there is no such file; it is no zip file, or a damaged one; it contains anything but one folder with
            the plain files of its manifest; it is not signed by the key; it is too large.
    """
    path = Path(path)
    with temporary_folder() as temporary, _opened(path) as (name, files):
        root = temporary / name
        root.mkdir()
        _check_archive(path, files)
        for first in files.keys() & {*APART}:
            if files[first].size > _LARGEST_LIST:
                raise InputError(f"{path}: {first} has {files[first].size} bytes; expected at most {_LARGEST_LIST}")
            _write(files[first], root / first, path)
        if key is not None:
            check_signature(root, key)
        listed = read_manifest(root)
        check_listing(listed, files.keys() - {*APART})
        _check_sizes(path, files, {name: entry["size"] for name, entry in listed.items()}, temporary)
        for each in listed:
            _write(files[each], root / each, path)
        check_manifest(root)
        yield root


@contextmanager
def _opened(path: Path) -> Iterator[tuple[str, Mapping[str, _File]]]:
    """The archive's name, and its files by theirs."""
    if path.is_dir():
        if not ((path / MANIFEST).is_file() or (path / "configs").is_dir()):
            zips = sorted(map(str, path.glob("*.zip")))[:_SHOWN]
            remedy = f"did you mean {', '.join(zips)}?" if zips else "correct the path"
            raise InputError(f"{path}: found a folder without {MANIFEST}, {_expected()}; {remedy}")
        names = [*archive_files(path), *(name for name in APART if (path / name).is_file())]
        yield path.resolve().name, {name: _of_folder(path / name) for name in names}
    elif path.is_file():
        with path.open("rb") as file, _mapped(file) as content:
            yield _of_zip(path, content)
    else:
        raise InputError(
            f"{path}: no such archive; expected a zip of {command_of('package')}, or its folder; check the path"
        )


def _expected() -> str:
    return f"expected a zip of {command_of('package')}, or its unpacked folder"


def _check_archive(path: Path, files: Mapping[str, _File]) -> None:
    """Refuse weights, which are a zip too; what else has no manifest may be an archive that was changed."""
    if MANIFEST in files:
        return
    if "constants.pkl" in files:
        raise InputError(
            f"{path}: found weights (TorchScript), {_expected()}; package them, or name a bundle of this checkout and "
            f"set --weights {path}"
        )
    if "data.pkl" in files:
        raise InputError(f"{path}: found weights (PyTorch), {_expected()}; package them by {command_of('package')}")


def _mapped(file: BinaryIO) -> mmap.mmap | nullcontext[bytes]:
    """A file's bytes, read on access; an empty file cannot be mapped."""
    empty = os.fstat(file.fileno()).st_size == 0
    return nullcontext(b"") if empty else mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)


def _of_folder(path: Path) -> _File:
    def chunks() -> Iterator[bytes]:
        """Its bytes, without following a link or waiting for a pipe."""
        with open(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
            while chunk := file.read(CHUNK):
                yield chunk

    return _File(path.lstat().st_size, chunks)


def _of_zip(path: Path, content: bytes | mmap.mmap) -> tuple[str, Mapping[str, _File]]:
    try:
        members = zip_layout(content)
    except ValueError as error:
        if content[: len(_BEGINNING)] != _BEGINNING:
            found, remedy = "no zip file", "correct the path, or copy it again"
            if path.suffix == ".json":
                found, remedy = "a JSON file", "name the archive first, then what it predicts"
            raise InputError(f"{path}: found {found}, {_expected()}; {remedy}") from error
        raise InputError(f"{path}: no readable zip ({error}); copy or download it again") from error
    if problems := [f"{member.name!r}: {problem}" for member in members if (problem := _problem(member))]:
        raise InputError.of_rows(f"{path}: not unpacked", problems)
    tops = sorted({member.name.partition("/")[0] for member in members})
    if len(tops) != 1 or any("/" not in member.name for member in members):
        found = ", ".join(tops[:4]) or "nothing"
        raise InputError(f"{path}: {found} on top; expected one folder; package it again with {command_of('package')}")
    return tops[0], {
        member.name.partition("/")[2]: _File(member.size, partial(member_chunks, content, member))
        for member in members
        if not member.name.endswith("/")
    }


def _problem(member: Member) -> str | None:
    parts = member.name.removesuffix("/").split("/")
    if {"", ".", ".."} & {*parts} or any(char in member.name for char in "\\:"):
        return "leads out of the archive's folder"
    if max(len(part.encode()) for part in parts) > _LONGEST_NAME:
        return "a name that is too long for a file"
    return None if stat.S_IFMT(member.mode) in (0, stat.S_IFREG, stat.S_IFDIR) else "a link or a device"


def _check_sizes(path: Path, files: Mapping[str, _File], listed: Mapping[str, int], place: Path) -> None:
    """Check that files have the sizes in the manifest, and that there is room for them."""
    for name in sorted(listed):
        if files[name].size != listed[name]:
            raise InputError(f"{name}: {files[name].size} bytes; expected {listed[name]} of {MANIFEST}; {REMEDY}")
    total, free = sum(listed.values()), shutil.disk_usage(place).free
    if total > min(_LARGEST, free):
        room = f"at most {_LARGEST}" if total > _LARGEST else f"the {free} that {place.parent} has free"
        raise InputError(f"{path}: {total} bytes when unpacked; expected {room}; set TMPDIR to a larger folder")


def _write(file: _File, target: Path, path: Path) -> None:
    """Write a file of an archive, never more bytes than its stated size."""
    left = file.size
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("xb") as copy:
            for chunk in file.chunks():
                copy.write(chunk[:left])
                left -= len(chunk)
                if left < 0:
                    raise ValueError(f"{target.name!r} grew while it was read")
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: {error}; copy or download it again") from error


def _files(folder: Path) -> list[Path]:
    return [file for file in folder.rglob("*") if file.is_file()]
