"""Archives: one folder in a zip, the same bytes for the same files."""

from __future__ import annotations

import shutil
import stat
import tempfile
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path, PurePosixPath

from ...errors import InputError
from ...files import replacing

__all__ = ["open_archive", "write_archive"]

_FIRST_DATE = (1980, 1, 1, 0, 0, 0)  # the earliest that a zip can hold
_MODE = stat.S_IFREG | 0o644


def write_archive(folder: str | Path, path: str | Path) -> Path:
    """Zip a folder, its name on top, so that the same files give the same bytes wherever and whenever it is done.

    Names are sorted; dates and modes are always the same.

    Args:
        folder: what to zip; empty folders are left out.
        path: of the zip, written under a temporary name first.

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


@contextmanager
def open_archive(path: str | Path) -> Iterator[Path]:
    """Give the folder that an archive holds, unpacked for as long as the context lasts; a folder gives itself.

    Nothing in it is executed or trusted: names that lead out of the folder, links and doubles are refused before the
    first file is written.

    Args:
        path: a zip as :func:`write_archive` writes it, or its folder.

    Yields:
        The folder.

    Raises:
        InputError: there is no such file, it is no zip or a damaged one, or holds anything but one folder of plain
            files; the message lists all bad names.
    """
    path = Path(path)
    if path.is_dir():
        _refuse(path, [f"{file.relative_to(path)}: a link" for file in path.rglob("*") if file.is_symlink()])
        yield path
        return
    with tempfile.TemporaryDirectory() as temporary:
        yield _unpack(path, Path(temporary))


def _files(folder: Path) -> list[Path]:
    return [file for file in folder.rglob("*") if file.is_file()]


def _unpack(path: Path, target: Path) -> Path:
    if not path.is_file():
        raise InputError(
            f"{path}: no such archive; expected a zip of scripts/package.py, or its folder; check the path"
        )
    try:
        with zipfile.ZipFile(path) as archive:
            _refuse(path, _problems(archive.infolist()))
            archive.extractall(target)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        raise InputError(f"{path}: no readable zip ({error}); copy or download it again") from error
    folders = list(target.iterdir())
    if len(folders) != 1 or not folders[0].is_dir():
        found = ", ".join(sorted(item.name for item in folders)[:4]) or "nothing"
        raise InputError(f"{path}: {found} on top; expected one folder; package it again with scripts/package.py")
    return folders[0]


def _problems(entries: Sequence[zipfile.ZipInfo]) -> list[str]:
    problems, known = [], set()
    for entry in entries:
        name = entry.orig_filename  # filename is cut at a null byte
        parts = PurePosixPath(name).parts
        if not parts or parts[0] == "/" or ".." in parts or any(char in name for char in "\\:\0"):
            problems.append(f"{name!r}: leads out of the archive's folder")
        elif stat.S_ISLNK(entry.external_attr >> 16):
            problems.append(f"{name!r}: a link")
        elif name.rstrip("/").lower() in known:
            problems.append(f"{name!r}: twice")
        known.add(name.rstrip("/").lower())
    return problems


def _refuse(path: Path, problems: Sequence[str]) -> None:
    if problems:
        raise InputError.of_rows(f"{path}: not unpacked", problems)
