"""List of an archive's files and their hashes, with which recipients detect changes."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import yaml

from ...errors import InputError
from ...files import file_digest, write_atomically

__all__ = [
    "APART",
    "LARGE_FILES",
    "MANIFEST",
    "SIGNATURE",
    "archive_files",
    "check_listing",
    "check_manifest",
    "files_of",
    "read_manifest",
    "write_manifest",
]

MANIFEST = "manifest.json"
SIGNATURE = "manifest.json.sig"
LARGE_FILES = "large_files.yml"  # removed by the model zoo when it releases an archive
APART = (MANIFEST, SIGNATURE, LARGE_FILES)  # files that the manifest does not list
USED = ("data", "outputs")  # folders for the files of an unpacked archive's users
_INDENT, _EARLIER_INDENT = 4, 1  # spaces; the model zoo asks for 4
REMEDY = "do not use it; get the archive again from a trusted source"


def write_manifest(folder: str | Path) -> Path:
    """Write ``manifest.json``: SHA-256 and size in bytes of every file of :func:`archive_files`.

    Args:
        folder: folder of an archive.

    Returns:
        The manifest's path.

    Raises:
        InputError: the folder has a link, or an entry that is neither file nor folder.
    """
    folder = Path(folder)
    return write_atomically(
        folder / MANIFEST, _rendered({name: _entry(folder / name) for name in archive_files(folder)})
    )


def check_manifest(folder: str | Path) -> int:
    """Compare each file, and ``large_files.yml`` if there is one, with ``manifest.json``.

    Args:
        folder: folder of an archive; its users' folders ``data`` and ``outputs`` are ignored.

    Returns:
        The number of files, all as listed.

    Raises:
        InputError: a file differs, is missing or is not listed; the message names the first one, by name.
    """
    folder = Path(folder)
    listed = read_manifest(folder)
    check_listing(listed, archive_files(folder))
    for name, entry in sorted(listed.items()):
        if (found := _entry(folder / name)) != entry:
            raise InputError(f"{name}: {_described(found)}; expected {_described(entry)} of {MANIFEST}; {REMEDY}")
    _check_large_files(folder / LARGE_FILES, listed)
    return len(listed)


def check_listing(listed: Collection[str], found: Collection[str]) -> None:
    """Compare names with those of a manifest.

    Raises:
        InputError: a file is missing or is not listed; the message names the first one.
    """
    for name in sorted({*listed} ^ {*found}):
        if name in listed:
            raise InputError(f"{name}: missing; expected, as {MANIFEST} lists it; {REMEDY}")
        raise InputError(f"{name}: found, but {MANIFEST} does not list it; {REMEDY}")


def read_manifest(folder: str | Path) -> dict[str, dict[str, Any]]:
    """Hash and size of each file, ``{"sha256": ..., "size": ...}`` by name, of a manifest as this package writes it.

    Raises:
        InputError: there is no manifest, it is empty, or its bytes differ from those of :func:`write_manifest`, so that
            two readers could see different lists.
    """
    try:
        text = (Path(folder) / MANIFEST).read_text(encoding="utf-8")
        content = json.loads(text)
        if not all(_is_entry(entry) for entry in content["files"].values()):
            found = "'files' has an entry without sha256 and size"
        elif not content["files"]:
            found = "an empty list"
        elif text not in [_rendered(content["files"], indent) for indent in (_INDENT, _EARLIER_INDENT)]:
            found = "other bytes than scripts/package.py writes for this list"
        else:
            return content["files"]
    except FileNotFoundError:
        found = "no such file"
    except (OSError, ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        found = f"{type(error).__name__} {str(error)[:100]}"
    raise InputError(f"{MANIFEST}: {found}; expected JSON with 'files', a hash for each; {REMEDY}")


def archive_files(folder: str | Path) -> list[str]:
    """Names of the files that a manifest lists: all but those of :data:`APART` and those in folders of :data:`USED`.

    Raises:
        InputError: as for :func:`files_of`.
    """
    return [name for name in files_of(folder, USED) if name not in APART]


def files_of(folder: str | Path, skip: Collection[str] = ()) -> list[str]:
    """Names of all files below a folder, sorted, with ``/`` between the parts.

    Args:
        folder: folder to list.
        skip: names of folders or files in it to leave out.

    Raises:
        InputError: an entry is a link, or neither file nor folder.
    """
    folder, names = Path(folder), []
    for path in folder.rglob("*"):
        name = path.relative_to(folder).as_posix()
        if name.partition("/")[0] in skip:
            continue
        if path.is_symlink() or not (path.is_dir() or path.is_file()):
            raise InputError(f"{name}: a link or a device; expected files and folders only; {REMEDY}")
        if path.is_file():
            names.append(name)
    return sorted(names)


def _entry(path: Path) -> dict[str, Any]:
    return {"sha256": file_digest(path, "sha256"), "size": path.stat().st_size}


def _is_entry(entry: Any) -> bool:
    return isinstance(entry, dict) and isinstance(entry.get("sha256"), str) and isinstance(entry.get("size"), int)


def _described(entry: Mapping[str, Any]) -> str:
    return f"sha256 {entry['sha256']} and {entry['size']} bytes"


def _rendered(files: Mapping[str, Any], indent: int = _INDENT) -> str:
    return json.dumps({"algorithm": "sha256", "files": files}, indent=indent) + "\n"


def _check_large_files(path: Path, listed: Mapping[str, Mapping[str, Any]]) -> None:
    """Check that the model zoo would download no other files than those in the manifest."""
    if not path.is_file():
        return
    try:
        content = yaml.safe_load(path.read_bytes())["large_files"]
        wanted = {entry["path"]: (entry["hash_type"], entry["hash_val"]) for entry in content}
    except (yaml.YAMLError, ValueError, TypeError, KeyError, RecursionError) as error:
        found = " ".join(str(error).split())[:100]
        raise InputError(f"{LARGE_FILES}: {type(error).__name__} {found}; expected path and hash; {REMEDY}") from error
    for name, known in wanted.items():
        if name not in listed or known != ("sha256", listed[name]["sha256"]):
            raise InputError(f"{LARGE_FILES}: has {name} with another hash than {MANIFEST}; {REMEDY}")
