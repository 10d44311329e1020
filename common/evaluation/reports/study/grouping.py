"""Subjects by the values of a column of the datalist."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

__all__ = ["NO_COLUMNS", "Group", "columns_of", "groups_of", "values_of"]

#: Keys of a row that describe no patient.
NO_COLUMNS = frozenset(("image", "mask", "label", "subject", "fold", "row", "index", "section", "session", "slice"))
MOST_VALUES = 12  # numbers with more are cut into thirds, texts with more are left out


@dataclass(frozen=True)
class Group:
    """Subjects with one value of a column.

    Attributes:
        column: name of the column.
        value: its value in words; ``None`` for subjects without one.
        members: whether each subject belongs to the group, shape ``[n]``.
    """

    column: str
    value: str | None
    members: np.ndarray


def columns_of(rows: Sequence[Mapping[str, Any]], subjects: Sequence[str]) -> pd.DataFrame:
    """Columns of a datalist with a row for each subject, that of its first image.

    Args:
        rows: rows of the datalist.
        subjects: names of the subjects in the order of the result.
    """
    table = pd.DataFrame([{**row} for row in rows]).drop_duplicates("subject").set_index("subject")
    return table.reindex(list(subjects)).drop(columns=NO_COLUMNS & set(table.columns))


def groups_of(
    rows: Sequence[Mapping[str, Any]], subjects: Sequence[str], columns: Sequence[str] | None = None
) -> Iterator[Group]:
    """Groups of the subjects in the order of their values.

    Numbers with many values, such as ages, are cut into thirds. Columns of texts with many values, such as names, and
    columns with one value have no groups.

    Args:
        rows: rows of the datalist.
        subjects: names of the subjects.
        columns: columns of the rows; default: all that describe patients.
    """
    table = columns_of(rows, subjects)
    for name in table.columns if columns is None else columns:
        if name not in table or (values := values_of(table[name])) is None:
            continue
        for value in dict.fromkeys(sorted(values.dropna(), key=_order)):
            yield Group(str(name), _text(value), np.array([found == value for found in values]))
        if values.isna().any():
            yield Group(str(name), None, values.isna().to_numpy())


def values_of(column: pd.Series) -> pd.Series | None:
    """The group of each subject; ``None`` for a column without groups, such as a name or a constant."""
    known = column.map(lambda value: None if isinstance(value, list | dict) or value == "" else value)
    numbers = pd.to_numeric(known, errors="coerce")
    if numbers.notna().sum() == known.notna().sum() and numbers.nunique() > MOST_VALUES:
        return _thirds(numbers)
    return known if 1 < known.nunique() <= MOST_VALUES else None


def _thirds(numbers: pd.Series) -> pd.Series:
    low, high = (float(f"{value:.3g}") for value in numbers.quantile([1 / 3, 2 / 3]))
    names = [(1, f"≤ {low:g}"), (2, f"{low:g} to {high:g}"), (3, f"> {high:g}")]
    return numbers.map(lambda value: names[(value > low) + (value > high)], na_action="ignore")


def _order(value: Any) -> tuple[int, float, str]:
    if isinstance(value, tuple):
        return (0, value[0], "")
    try:
        return (0, float(value), "")
    except (TypeError, ValueError):
        return (1, 0.0, str(value))


def _text(value: Any) -> str:
    return value[1] if isinstance(value, tuple) else f"{value:g}" if isinstance(value, float) else str(value)
