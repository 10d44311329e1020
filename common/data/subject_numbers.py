"""Subjects as numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ..errors import InputError

__all__ = ["subject_index"]


def subject_index(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Give each row an integer ``subject_index``: rows have the same one just where they have the same ``subject``.

    Names can't be collated into a tensor, compared on the device or kept in a queue; numbers can. They follow the
    sorted names, so that the same cohort has the same numbers in whatever order its rows are.

    Args:
        rows: a datalist's rows, each with ``subject``; they are copied, not changed.

    Returns:
        The rows in the order given, with numbers from 0.

    Raises:
        InputError: when rows lack ``subject``.

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
