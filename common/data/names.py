"""Names and indices of the classes, modalities and subjects of a datalist."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..datalist_json import indexed_names, read_datalist
from ..errors import InputError

__all__ = ["class_names", "selected_modalities", "subject_index"]


def class_names(path: str | Path) -> list[str] | None:
    """The values of a datalist's ``labels`` in the order of their indices, or ``None`` without ``labels``.

    Raises:
        InputError: the file is missing or no JSON.
    """
    names = indexed_names(path, read_datalist(path), "labels")
    return [names[str(index)] for index in range(len(names))] or None


def selected_modalities(modalities: Sequence[str], modality: str | None) -> list[int]:
    """Indices of the modalities that a run uses: one modality, or all.

    Args:
        modalities: names of the modalities in the order of the datalist's ``image``.
        modality: name of one of them, or ``None`` for all.

    Raises:
        InputError: there is no modality of that name.
    """
    if modality is None:
        return list(range(len(modalities)))
    if modality not in modalities:
        raise InputError(f"modality: {modality!r}; expected one of {', '.join(modalities)}; correct it")
    return [list(modalities).index(modality)]


def subject_index(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Add an integer ``subject_index`` to each row, which is the same for rows of the same ``subject``.

    In contrast to names, integers can be collated into a tensor, compared on the device or stored in a queue. They
    follow the sorted names, so that they do not depend on the order of the rows.

    Args:
        rows: datalist rows, each with ``subject``, which are copied.

    Returns:
        The rows in the given order, with indices from 0.

    Raises:
        InputError: rows lack ``subject``.

    Example:
        >>> rows = subject_index([{"subject": "b"}, {"subject": "a"}, {"subject": "b"}])
        >>> [row["subject_index"] for row in rows]
        [1, 0, 1]
    """
    missing = [f"row {i}: no 'subject'" for i, row in enumerate(rows) if row.get("subject") in (None, "")]
    if missing:
        raise InputError.of_rows("subject_index", missing)
    numbers = {name: number for number, name in enumerate(sorted({str(row["subject"]) for row in rows}))}
    return [{**row, "subject_index": numbers[str(row["subject"])]} for row in rows]
