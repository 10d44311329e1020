"""Which files of a datalist's row are measured."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import InputError

__all__ = ["Case", "find_case", "modality_prefixes"]


@dataclass(frozen=True)
class Case:
    """One image with its mask; ``channel`` is the modality's index within a file that holds several."""

    image: str
    mask: str
    channel: int = 0


def modality_prefixes(
    rows: Sequence[Mapping[str, Any]], modality: int | str, names: Sequence[str] | None
) -> dict[int, str]:
    """Index of each modality to measure and the prefix of its columns.

    Args:
        rows: rows of the datalist.
        modality: an index, without prefix, or ``"all"``.
        names: names of the modalities; by default ``modality0``, ``modality1``, ...

    Raises:
        InputError: ``modality`` is neither.
    """
    if modality != "all":
        if isinstance(modality, bool) or not isinstance(modality, int) or modality < 0:
            raise InputError(f"radiomics: modality is {modality!r}; expected an index from 0, or 'all'")
        return {modality: ""}
    count = len(names) if names else max((len(_images(row)) for row in rows), default=1)
    return {index: f"{names[index] if names else f'modality{index}'}_" for index in range(count)}


def find_case(row: Mapping[str, Any], modality: int) -> Case | str:
    """The files to measure, or why there are none.

    Args:
        row: datalist row with ``image`` (a file, a folder of DICOM, or one per modality) and ``mask``.
        modality: index of the file, or of the channel within the only one.
    """
    images, mask = _images(row), row.get("mask")
    if not images or not mask:
        return f"no {'mask' if images else 'image'} in the datalist; expected a file"
    if len(images) > 1 and modality >= len(images):
        return f"{len(images)} images in the datalist; expected one with index {modality}"
    case = Case(images[modality], str(mask)) if len(images) > 1 else Case(images[0], str(mask), modality)
    missing = [path for path in (case.image, case.mask) if not Path(path).exists()]
    return f"{missing[0] or 'image'}: no such file; correct the path in the datalist" if missing else case


def _images(row: Mapping[str, Any]) -> list[str]:
    image = row.get("image") or []
    return [str(image)] if isinstance(image, str | os.PathLike) else [str(path or "") for path in image]
