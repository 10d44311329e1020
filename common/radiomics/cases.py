"""Choice of the files of a datalist row to measure."""

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
    """One image with its mask.

    Attributes:
        image: file or folder of the image.
        mask: file or folder of the mask.
        channel: index of the modality in a file with several; ``None``: there must be one.
        label: value of the mask to measure, if the row defines it; ``None``: that of the settings.
    """

    image: str
    mask: str
    channel: int | None = None
    label: int | None = None


def modality_prefixes(
    rows: Sequence[Mapping[str, Any]], modality: int | str | None, names: Sequence[str] | None
) -> dict[int | None, str]:
    """Index of each modality to measure and the prefix of its columns.

    Args:
        rows: rows of the datalist.
        modality: an index or ``None``, without prefix, or ``"all"``.
        names: names of the modalities; by default ``modality0``, ``modality1``, ...

    Raises:
        InputError: ``modality`` is neither an index nor ``"all"``.
    """
    if modality is None:
        return {None: ""}
    if modality != "all":
        if isinstance(modality, bool) or not isinstance(modality, int) or modality < 0:
            raise InputError(f"radiomics: modality is {modality!r}; expected an index from 0, or 'all'")
        return {modality: ""}
    count = len(names) if names else max((len(_images(row)) for row in rows), default=1)
    if count == 1:  # the file must have one channel: an index would choose the first of several
        return {None: f"{names[0] if names else 'modality0'}_"}
    return {index: f"{names[index] if names else f'modality{index}'}_" for index in range(count)}


def find_case(row: Mapping[str, Any], modality: int | None) -> Case | str:
    """The files to measure, or the reason why there are none.

    Args:
        row: datalist row with ``image`` (a file, a folder of DICOM, or one per modality) and ``mask``; ``Label``, named
            as in the tables of PyRadiomics, is the value of the mask to measure.
        modality: index of the file, or of the channel if there is one file; ``None``: the first file, of one channel.
    """
    images, mask = _images(row), row.get("mask")
    if not images or not mask:
        return f"no {'mask' if images else 'image'} in the datalist; expected a file"
    if len(images) > 1 and (modality or 0) >= len(images):
        return f"{len(images)} images in the datalist; expected one with index {modality}"
    if row.get("Label_channel") not in (None, "", 0, "0"):
        return f"Label_channel is {row['Label_channel']!r}; expected none; save the mask's channel as a file"
    label = row.get("Label")
    if label not in (None, "") and not str(label).isdecimal():
        return f"Label is {label!r}; expected an integer from 1, the mask's value to measure"
    label = None if label in (None, "") else int(label)
    image, channel = (images[modality or 0], None) if len(images) > 1 else (images[0], modality)
    case = Case(image, str(mask), channel, label)
    missing = [path for path in (case.image, case.mask) if not (Path(path).is_file() or Path(path).is_dir())]
    if not missing:
        return case
    found = "no regular file" if Path(missing[0]).exists() else "no such file"  # reading a pipe may never end
    return f"{missing[0] or 'image'}: {found}; correct the path in the datalist"


def _images(row: Mapping[str, Any]) -> list[str]:
    image = row.get("image") or []
    return [str(image)] if isinstance(image, str | os.PathLike) else [str(path or "") for path in image]
