"""What a datalist says of its cohort before a file is checked: number of classes, number and names of modalities."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..datalist_json import indexed_names, read_datalist
from ..errors import InputError
from ..images.facts import read_image_facts
from ..images.stored_image import UnreadableImageError
from ..programs import command_of

__all__ = ["by_modality", "modality_names", "number_of_classes", "number_of_images"]

_FILES = 5  # that are opened at most


def number_of_classes(path: str | os.PathLike | None, default: int = 2) -> int:
    """Number of classes of a cohort: of the datalist's ``labels``, or else one more than the largest label.

    Args:
        path: datalist file.
        default: number of classes where no row has an integer as its label, such as for label maps.

    Raises:
        InputError: the datalist cannot be read.
    """
    content = read_datalist(path)
    if names := indexed_names(str(path), content, "labels"):
        return len(names)
    labels = [row.get("label") for row in _rows(content)]
    found = [label for label in labels if isinstance(label, int) and not isinstance(label, bool)]
    return max(found) + 1 if found else default


def number_of_images(path: str | os.PathLike | None) -> int:
    """Number of modalities of a cohort: of the datalist's ``modality``, or else of the files or channels of most rows.

    Args:
        path: datalist file.

    Raises:
        InputError: the datalist cannot be read.
    """
    content = read_datalist(path)
    if names := indexed_names(str(path), content, "modality"):
        return len(names)
    counts = Counter(len(row["image"]) for row in _rows(content) if isinstance(row.get("image"), list))
    files = [row["image"] for row in _rows(content) if isinstance(row.get("image"), str)]
    most, rows = counts.most_common(1)[0] if counts else (1, 0)
    if rows >= len(files) and most != 1:
        return most
    folder = Path(os.path.abspath(str(path))).parent
    lists = [row["image"][0] for row in _rows(content) if isinstance(row.get("image"), list) and row["image"]]
    for file in [name for name in [*files, *lists] if isinstance(name, str)][:_FILES]:
        try:
            return read_image_facts(os.path.normpath(folder / file), content=False).channels
        except (UnreadableImageError, OSError):  # reported with its row
            continue
    return most


def modality_names(path: str | os.PathLike | None, default: Sequence[str] = ()) -> list[str]:
    """Names of a datalist's ``modality`` in the order of their indices.

    Args:
        path: datalist file.
        default: names where it has none.

    Raises:
        InputError: the datalist cannot be read.
    """
    names = indexed_names(str(path), read_datalist(path), "modality")
    return [names[str(index)] for index in range(len(names))] or list(default)


def by_modality(name: str, values: Mapping[str, Any], modalities: Sequence[str]) -> list[Any]:
    """The known values of modalities in the order of a cohort.

    Args:
        name: id of the values in the config.
        values: values by the name of the modality.
        modalities: names of the cohort's modalities.

    Raises:
        InputError: there is no value for a modality.
    """
    if unknown := [modality for modality in modalities if modality not in values]:
        raise InputError(
            f"{name}: known for {', '.join(values)}, found the modalities {', '.join(modalities)}; measure "
            f"{', '.join(unknown)} with {command_of('modality_statistics')}, which prints --mean and --std; set both"
        )
    return [values[modality] for modality in modalities]


def _rows(content: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    sections = (content.get(name) for name in ("training", "testing"))
    return [row for rows in sections if isinstance(rows, list) for row in rows if isinstance(row, Mapping)]
