"""The list of an archive's files and their hashes, by which a receiver knows that nothing was changed."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ...errors import InputError
from ...files import file_digest, write_atomically

__all__ = ["MANIFEST", "SIGNATURE", "check_manifest", "files_of", "write_manifest"]

MANIFEST = "manifest.json"
SIGNATURE = "manifest.json.sig"
REMEDY = "do not use it; get the archive again from whom you trust"


def write_manifest(folder: str | Path) -> Path:
    """Write ``manifest.json``: SHA-256 and size in bytes of every file, but for itself and its signature.

    Args:
        folder: an archive's folder.

    Returns:
        The manifest's path.

    Raises:
        InputError: the folder has a link, or something else that is neither file nor folder.
    """
    folder = Path(folder)
    content = {"algorithm": "sha256", "files": {name: _entry(folder / name) for name in _listed(folder)}}
    return write_atomically(folder / MANIFEST, json.dumps(content, indent=1) + "\n")


def check_manifest(folder: str | Path) -> int:
    """Compare each file with ``manifest.json``.

    Args:
        folder: an archive's folder.

    Returns:
        The number of files, all as listed.

    Raises:
        InputError: names the first file, in the order of names, that differs, is missing or is not listed.
    """
    folder = Path(folder)
    listed, found = _read(folder), set(_listed(folder))
    for name in sorted(listed.keys() | found):
        if name not in found:
            raise InputError(f"{name}: missing; expected, as {MANIFEST} lists it; {REMEDY}")
        if name not in listed:
            raise InputError(f"{name}: found, but {MANIFEST} does not list it; {REMEDY}")
        if (entry := _entry(folder / name)) != listed[name]:
            raise InputError(
                f"{name}: {_described(entry)}; expected {_described(listed[name])} of {MANIFEST}; {REMEDY}"
            )
    return len(listed)


def files_of(folder: str | Path) -> list[str]:
    """Names of all files below a folder, sorted, with ``/`` between the parts.

    Raises:
        InputError: a link, or something else that is neither file nor folder.
    """
    folder = Path(folder)
    names = []
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if path.is_symlink() or not (path.is_dir() or path.is_file()):
            raise InputError(f"{name}: a link or a device; expected files and folders only; {REMEDY}")
        if path.is_file():
            names.append(name)
    return sorted(names)


def _listed(folder: Path) -> list[str]:
    return [name for name in files_of(folder) if name not in (MANIFEST, SIGNATURE)]


def _entry(path: Path) -> dict[str, Any]:
    return {"sha256": file_digest(path, "sha256"), "size": path.stat().st_size}


def _described(entry: Any) -> str:
    known = isinstance(entry, dict) and {"sha256", "size"} <= entry.keys()
    return f"sha256 {entry['sha256']} and {entry['size']} bytes" if known else repr(entry)


def _read(folder: Path) -> dict[str, Any]:
    try:
        files = json.loads((folder / MANIFEST).read_bytes())["files"]
        if isinstance(files, dict):
            return files
        found = f"'files' is {type(files).__name__}"
    except FileNotFoundError:
        found = "no such file"
    except (ValueError, TypeError, KeyError) as error:
        found = f"{type(error).__name__} {error}"
    raise InputError(f"{MANIFEST}: {found}; expected JSON with 'files', a hash for each; {REMEDY}")
