"""Files that belong to an image's file: the voxels of a header, as in MetaImage, NRRD and pairs of NIfTI."""

from __future__ import annotations

import os
import re
from pathlib import Path

__all__ = ["companions"]

PAIRS = (".hdr", ".img", ".img.gz")
HEADERS = (".mhd", ".mha", ".nhdr", ".nrrd")
HEADER_BYTES = 1 << 16
DATA_FILE = re.compile(rb"^(?:ElementDataFile\s*=|data ?file:)[ \t]*(.+)$", re.IGNORECASE | re.MULTILINE)


def companions(path: str | os.PathLike) -> list[Path]:
    """The other files of an image, without which a hash or a time of change would be that of a header alone.

    Args:
        path: file of an image. Where its header names several files of voxels, all others of its folder belong to it.
    """
    path = Path(path)
    suffix = next((suffix for suffix in (*PAIRS, *HEADERS) if path.name.lower().endswith(suffix)), None)
    if suffix is None or not path.is_file():
        return []
    if suffix in PAIRS:
        stem = path.name[: -len(suffix)].lower()
        return [each for each in _beside(path) if each.name.lower() in {stem + other for other in PAIRS}]
    with path.open("rb") as file:
        found = DATA_FILE.search(file.read(HEADER_BYTES))
    name = os.fsdecode(found[1].strip()) if found else "LOCAL"
    if name.upper() == "LOCAL":
        return []
    one = path.parent / name
    return [one] if one.is_file() else _beside(path)


def _beside(path: Path) -> list[Path]:
    return sorted(each for each in path.parent.iterdir() if each.is_file() and each.name != path.name)
