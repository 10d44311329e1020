"""Shared parts of the cohort readers: tables, reports of incomplete patients, datalists with folds."""

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

__all__ = [
    "existing_folder",
    "expect_choice",
    "missing_files",
    "read_age",
    "read_table",
    "visible_files",
    "write_cohort",
]

logger = logging.getLogger(__name__)

# Missing values of R, pandas, BIDS, SQL and spreadsheets: the list of pandas, without the empty string.
MISSING = frozenset(
    ["#N/A", "#N/A N/A", "#NA", "<NA>", "N/A", "NA", "NULL", "NaN", "None", "n/a", "nan", "null", "-nan"]
)


def existing_folder(root: str | os.PathLike) -> Path:
    """The folder of a cohort as an absolute path.

    Raises:
        InputError: the folder does not exist.
    """
    root = Path(os.path.abspath(root))
    if not root.is_dir():
        raise InputError(f"{root}: found no such folder, expected that of the cohort; correct the path")
    return root


def expect_choice(name: str, value: str, choices: Sequence[str]) -> None:
    """Check an argument with a fixed set of values.

    Raises:
        InputError: the value is none of ``choices``.
    """
    if value not in choices:
        raise InputError(f"{name}: found {value!r}, expected {' or '.join(map(repr, choices))}")


def read_table(path: Path, columns: Sequence[str], delimiter: str = ",", whole: bool = False) -> list[dict[str, str]]:
    """Rows of a CSV file with a header (or of a TSV file, with its delimiter), as stripped text.

    Missing values (``NA``, ``n/a``, ``NULL``, ...) become empty text, and so do cells that a line lacks at its end,
    unless ``whole`` asks for as many as the header has.

    Raises:
        InputError: the file does not exist, is no CSV, has a column twice or lacks one of ``columns``, or has a line
            with more cells than its header, or fewer.
    """
    if not path.is_file():
        raise InputError(f"{path}: found no such file, expected a CSV with the columns {', '.join(columns)}")
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file, delimiter=delimiter)
            header = [name.strip() for name in reader.fieldnames or ()]
            lines = list(reader)
    except (csv.Error, UnicodeDecodeError, AttributeError) as error:
        raise InputError(f"{path}: found no CSV ({error}), expected columns {', '.join(columns)}") from error
    if missing := [column for column in columns if column not in header]:
        raise InputError(f"{path}: found the columns {', '.join(header)}, expected {', '.join(missing)} too")
    _check_shape(path, header, lines, whole)
    return [{name.strip(): _cell(value) for name, value in line.items() if name} for line in lines]


def _check_shape(path: Path, header: Sequence[str], lines: Sequence[dict[Any, Any]], whole: bool) -> None:
    """Refuse columns of one name, of which Python would keep the last, and lines that are shifted or cut."""
    if doubled := sorted({name for name in header if name and header.count(name) > 1}):
        raise InputError(f"{path}: found several columns {', '.join(doubled)}, expected one each; rename the others")
    problems = []
    for number, line in enumerate(lines, start=2):  # the header is line 1, as in a spreadsheet
        if any(map(str.strip, line.get(None) or ())) or (whole and None in line.values()):
            problems.append(f"line {number}: found other cells than the {len(header)} of the header")
    if problems:
        raise InputError.of_rows(str(path), problems)


def _cell(value: str | None) -> str:
    text = (value or "").strip()
    return "" if text in MISSING else text


def missing_files(paths: Sequence[Path]) -> list[str]:
    """Names of the files that do not exist."""
    return [path.name for path in paths if not path.exists()]


def visible_files(folder: Path) -> list[Path]:
    """Sorted entries of a folder; the number of hidden ones, such as ``._a.nii.gz`` from macOS, is logged."""
    found = sorted(folder.iterdir())
    if hidden := [path.name for path in found if path.name.startswith(".")]:
        logger.warning("%s: left out %d hidden files, such as %s", folder, len(hidden), hidden[0])
    return [path for path in found if not path.name.startswith(".")]


def read_age(column: str, text: str) -> tuple[dict[str, float], list[str]]:
    """The key ``age`` of a row in years, if ``text`` is not empty, and reasons why it cannot be read.

    "89+", which BIDS uses to anonymise the oldest participants, is 89.
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
    group: str = "subject",
    testing: Sequence[dict[str, Any]] = (),
) -> Path:
    """Write the datalist of the complete patients.

    Args:
        source: folder or table of the cohort, for messages.
        output: JSON file to write.
        rows: rows of the complete patients.
        problems: one line per incomplete patient.
        incomplete: "report" raises an error that lists all incomplete patients; "drop" logs and omits them.
        labels: names of the classes, or of the values of label maps; only classes are stratified.
        name: name of the cohort.
        modality: names of the modalities in the order of ``image``; may be empty.
        num_folds: number of stratified folds by ``group``, unless the rows have folds.
        seed: random seed for the folds.
        group: key of the rows whose values are never split between folds.
        testing: rows of a test set, without folds.

    Returns:
        The path written.

    Raises:
        InputError: there are incomplete patients to report, or no complete ones.
    """
    expect_choice("incomplete", incomplete, ("report", "drop"))
    if problems and incomplete == "report":
        report = InputError.of_rows(str(source), problems)
        raise InputError(f"{report}\ncomplete them, or leave them out with incomplete='drop' (--incomplete drop)")
    for problem in problems:
        logger.warning("dropped %s", problem)
    if not rows:
        raise InputError(f"{source}: found no complete patient, expected at least one; correct the path or the layout")
    maps = any(isinstance(row.get("label"), str) for row in rows)
    if not all("fold" in row for row in rows):
        rows = assign_folds(rows, num_folds, seed, group, stratify="label" if labels and not maps else None)
    path = write_datalist(output, rows, testing, labels=labels or None, name=name, modality=modality or None)
    counts = Counter(row.get("label") for row in rows)
    shares = ", ".join(f"{counts[index]} {label}" for index, label in enumerate(labels) if not maps)
    shares = shares or ("label maps" if maps else "no labels")
    logger.info("%s: %d rows (%s), %d dropped", path, len(rows), shares, len(problems))
    if labels and not maps:
        logger.info("%s: labels %s", path, ", ".join(f"{label} -> {index}" for index, label in enumerate(labels)))
    return path
