"""What the readers of cohorts share: tables in, incomplete patients out, a datalist with folds at the end."""

from __future__ import annotations

import csv
import logging
import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ...errors import InputError
from ..datalist_writer import write_datalist
from ..folds import assign_folds

__all__ = ["existing_folder", "expect_choice", "missing_files", "read_age", "read_table", "write_cohort"]

logger = logging.getLogger(__name__)

# What R, pandas, BIDS, SQL and spreadsheets write where a value is missing: pandas' list, without the empty text.
MISSING = frozenset(
    ["#N/A", "#N/A N/A", "#NA", "<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null", "-nan"]
)


def existing_folder(root: str | os.PathLike) -> Path:
    """The cohort's folder as an absolute path.

    Raises:
        InputError: when it is not there.
    """
    root = Path(os.path.abspath(root))
    if not root.is_dir():
        raise InputError(f"{root}: found no such folder, expected the cohort's; mend the path")
    return root


def expect_choice(name: str, value: str, choices: Sequence[str]) -> None:
    """Check an argument of few values.

    Raises:
        InputError: when it is none of ``choices``.
    """
    if value not in choices:
        raise InputError(f"{name}: found {value!r}, expected {' or '.join(map(repr, choices))}")


def read_table(path: Path, columns: Sequence[str], delimiter: str = ",") -> list[dict[str, str]]:
    """Rows of a CSV with a header (or of a TSV, with its delimiter), as text, blanks stripped.

    Missing values (``NA``, ``n/a``, ``NULL``, ...) are empty text.

    Raises:
        InputError: when the file is not there, is no CSV, or lacks one of ``columns``.
    """
    if not path.is_file():
        raise InputError(f"{path}: found no such file, expected a CSV with the columns {', '.join(columns)}")
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, delimiter=delimiter)
            header = [name.strip() for name in reader.fieldnames or ()]
            rows = [{(k or "").strip(): _cell(v) for k, v in row.items() if k} for row in reader]
    except (csv.Error, UnicodeDecodeError, AttributeError) as error:
        raise InputError(f"{path}: found no CSV ({error}), expected columns {', '.join(columns)}") from error
    if missing := [column for column in columns if column not in header]:
        raise InputError(f"{path}: found the columns {', '.join(header)}, expected {', '.join(missing)} too")
    return rows


def _cell(value: str | None) -> str:
    text = (value or "").strip()
    return "" if text in MISSING else text


def missing_files(paths: Sequence[Path]) -> list[str]:
    """Names of those files that are not there."""
    return [path.name for path in paths if not path.exists()]


def read_age(column: str, text: str) -> tuple[dict[str, float], list[str]]:
    """The key ``age`` of a row in years, none where ``text`` is empty, and why it can't be read.

    "89+", as BIDS has it to hide how old the oldest are, is 89.
    """
    if not text:
        return {}, []
    try:
        return {"age": float(text.removesuffix("+"))}, []
    except ValueError:
        return {}, [f"{column} is {text}, expected a number of years"]


def write_cohort(
    source: Path,
    output: str | os.PathLike,
    rows: Sequence[dict[str, Any]],
    problems: Sequence[str],
    *,
    incomplete: str,
    labels: Sequence[str],
    name: str,
    modality: Sequence[str],
    num_folds: int,
    seed: int,
    testing: Sequence[dict[str, Any]] = (),
) -> Path:
    """Write the datalist of the complete patients.

    Args:
        source: folder or table, for messages.
        output: the JSON to write.
        rows: rows of the complete patients.
        problems: one line for each incomplete patient.
        incomplete: "report" stops with all of them; "drop" goes on without them and logs each.
        labels: class names, of the values of label maps where rows have those; only numbers are stratified.
        name: the cohort's name.
        modality: names of the modalities in the order of ``image``.
        num_folds: subject-wise stratified folds, unless the rows have theirs.
        seed: of the folds.
        testing: rows of a test set that takes no part in folds.

    Raises:
        InputError: for incomplete patients that are to be reported, or when none is complete.
    """
    expect_choice("incomplete", incomplete, ("report", "drop"))
    if problems and incomplete == "report":
        report = InputError.of_rows(str(source), problems)
        raise InputError(f"{report}\ncomplete them, or leave them out with incomplete='drop' (--incomplete drop)")
    for problem in problems:
        logger.warning("dropped %s", problem)
    if not rows:
        raise InputError(f"{source}: found no complete patient, expected at least one; mend the path or the layout")
    maps = any(isinstance(row.get("label"), str) for row in rows)
    if not all("fold" in row for row in rows):
        rows = assign_folds(rows, num_folds, seed, stratify="label" if labels and not maps else None)
    path = write_datalist(output, rows, testing, labels=labels or None, name=name, modality=modality)
    counts = Counter(row.get("label") for row in rows)
    shares = ", ".join(f"{counts[index]} {label}" for index, label in enumerate(labels) if not maps)
    shares = shares or ("label maps" if maps else "no labels")
    logger.info("%s: %d rows (%s), %d dropped", path, len(rows), shares, len(problems))
    if labels and not maps:
        logger.info("%s: labels %s", path, ", ".join(f"{label} -> {index}" for index, label in enumerate(labels)))
    return path
