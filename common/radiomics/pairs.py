"""Images and masks listed in a CSV file, as an alternative to a datalist."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..tables import read_table

__all__ = ["read_pairs"]

_PYRADIOMICS = ("Label", "Label_channel")  # of its batch tables, read by find_case


def read_pairs(path: str | Path) -> list[dict[str, Any]]:
    """Datalist rows from a CSV file with the columns ``image`` and ``mask``, optionally ``subject, fold, label``.

    Args:
        path: CSV file; paths in it are absolute or relative to its folder. Without ``subject``, the path of the image
            as in the CSV is used. PyRadiomics' columns ``Label`` and ``Label_channel`` keep their meaning.

    Returns:
        Rows with ``image``, ``mask``, ``subject``, ``fold`` and ``label`` (integers or ``None``), and the columns of
        PyRadiomics that the table has, as text.

    Raises:
        InputError: the file is missing or no CSV, a column, path or subject is missing, a subject occurs twice, or a
            fold or label is no integer.
    """
    path = Path(os.path.abspath(path))
    table = read_table(path, ("image", "mask"), optional=("subject", "fold", "label", *_PYRADIOMICS))
    rows, problems, seen = [], [], set()
    for number, entry in enumerate(table, start=2):  # the header is line 1, as in a spreadsheet
        row, reasons = _row(entry, path.parent)
        if row["subject"] and row["subject"] in seen:
            reasons.append(f"subject {row['subject']} occurs twice; expected one row per subject")
        seen.add(row["subject"])
        rows.append(row)
        problems += [f"line {number}: {reason}" for reason in reasons]
    if problems:
        raise InputError.of_rows(str(path), problems)
    return rows


def _row(entry: dict[str, str], folder: Path) -> tuple[dict[str, Any], list[str]]:
    reasons = [f"no {column}; expected a path" for column in ("image", "mask") if not entry[column]]
    row: dict[str, Any] = {column: os.path.normpath(folder / entry[column]) for column in ("image", "mask")}
    row["subject"] = entry.get("subject", entry["image"])
    if "subject" in entry and not entry["subject"]:
        reasons.append("no subject; expected a name, or no such column")
    for column in ("fold", "label"):
        value = entry.get(column)
        try:
            row[column] = int(value) if value else None
        except ValueError:
            reasons.append(f"{column} is {value!r}; expected an integer")
    return row | {column: entry[column] for column in _PYRADIOMICS if column in entry}, reasons
