"""Images and masks listed in a CSV file, as an alternative to a datalist."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pandas as pd

from ..errors import InputError, one_line

__all__ = ["read_pairs"]


def read_pairs(path: str | Path) -> list[dict[str, Any]]:
    """Datalist rows from a CSV file with the columns ``image`` and ``mask``, optionally ``subject, fold, label``.

    Args:
        path: CSV file; paths in it are absolute or relative to its folder. Without ``subject``, the path of the image
            as in the CSV is used.

    Returns:
        Rows with ``image``, ``mask``, ``subject``, ``fold`` and ``label`` (integers or ``None``).

    Raises:
        InputError: the file is missing or no CSV, a column or path is missing, a subject occurs twice, or a fold or
            label is no integer.
    """
    path = Path(os.path.abspath(path))
    if path.exists() and not path.is_file():  # reading a pipe may never end
        raise InputError(f"{path}: no regular file; expected a CSV with the columns image and mask")
    try:
        table = pd.read_csv(path, dtype=str, keep_default_na=False)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}; expected a CSV with the columns image and mask") from error
    except (pd.errors.ParserError, pd.errors.EmptyDataError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as CSV ({one_line(error)}); write it again") from error
    lacking = [column for column in ("image", "mask") if column not in table.columns]
    if lacking:
        raise InputError(f"{path}: no column {lacking[0]!r}; found {', '.join(table.columns)}; expected image and mask")
    rows, problems, seen = [], [], set()
    for number, entry in enumerate(table.to_dict("records"), start=2):  # the header is line 1, as in a spreadsheet
        row, reasons = _row(entry, path.parent)
        if row["subject"] in seen:
            reasons.append(f"subject {row['subject']} occurs twice; expected one row per subject")
        seen.add(row["subject"])
        rows.append(row)
        problems += [f"line {number}: {reason}" for reason in reasons]
    if problems:
        raise InputError.of_rows(str(path), problems)
    return rows


def _row(entry: dict[str, str], folder: Path) -> tuple[dict[str, Any], list[str]]:
    reasons = [f"no {column}; expected a path" for column in ("image", "mask") if not entry[column].strip()]
    row: dict[str, Any] = {column: os.path.normpath(folder / entry[column].strip()) for column in ("image", "mask")}
    row["subject"] = entry.get("subject", "").strip() or entry["image"].strip()
    for column in ("fold", "label"):
        value = entry.get(column, "").strip()
        try:
            row[column] = int(value) if value else None
        except ValueError:
            reasons.append(f"{column} is {value!r}; expected an integer")
    return row, reasons
