"""Shared parts of the cohort readers: tables, reports of incomplete patients, datalists with folds."""

from __future__ import annotations

import logging
import os
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ...counts import class_count
from ...errors import InputError
from ...grouped_lines import SHOWN, group_lines, without_numbers
from ...tables import read_table
from ..datalist_writer import write_datalist
from ..folds import assign_folds
from .spellings import alike, several_spellings, without_zeros

__all__ = [
    "existing_folder",
    "expect_choice",
    "missing_files",
    "read_age",
    "read_table",
    "visible_files",
    "with_folds",
    "write_cohort",
    "zeros_remedy",
]

logger = logging.getLogger(__name__)

_FILE = re.compile(r"/[^;,]*")


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


def with_folds(
    source: Path,
    rows: Sequence[dict[str, Any]],
    labels: Sequence[str],
    num_folds: int,
    seed: int,
    group: str = "subject",
) -> Sequence[dict[str, Any]]:
    """Rows that have folds as they are, and others with folds, see :func:`write_cohort`.

    Raises:
        InputError: a class has fewer subjects than there are folds.
    """
    if all("fold" in row for row in rows):
        return rows
    maps = any(isinstance(row.get("label"), str) for row in rows)
    try:
        return assign_folds(rows, num_folds, seed, group, "label" if labels and not maps else None, labels)
    except InputError as error:
        raise InputError(f"{source}: {error}") from None


def zeros_remedy(lacking: Sequence[str], images: Sequence[str]) -> str:
    """How a row that lacks some of its images, not all, is kept, for the end of a reason."""
    return "; --missing zeros keeps the row, for liver_cgc alone" if 0 < len(lacking) < len(images) else ""


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
        InputError: there are incomplete patients to report, or no complete ones; a patient, class or modality is named
            twice or in several spellings.
    """
    expect_choice("incomplete", incomplete, ("report", "drop"))
    if problems and incomplete == "report":
        report = InputError.of_rows(str(source), _grouped(problems, len(rows) + len(problems)))
        raise InputError(f"{report}\ncomplete them, or leave them out with --incomplete drop")
    for line in _grouped(problems, len(rows) + len(problems), shown=len(problems)):  # no name is lost
        logger.warning("dropped %s", line)
    if not rows:
        raise InputError(f"{source}: found no complete patient, expected at least one; correct the path or the layout")
    _check_names(source, (str(row[group]) for row in (*rows, *testing) if group in row), group, labels, modality)
    maps = any(isinstance(row.get("label"), str) for row in rows)
    rows = with_folds(source, rows, labels, num_folds, seed, group)
    path = write_datalist(output, rows, testing, labels=labels or None, name=name, modality=modality or None)
    counts = Counter(row.get("label") for row in rows)
    shares = ", ".join(class_count(counts[index], label) for index, label in enumerate(labels) if not maps)
    shares += f", {counts[None]} without a label" if shares and counts[None] else ""
    shares = shares or ("label maps" if maps else "no labels")
    dropped = f", {len(problems)} dropped" if problems else ""
    logger.info("%s: %d rows (%s)%s", path, len(rows), shares, dropped)
    if labels and not maps:
        logger.info("%s: labels %s", path, ", ".join(f"{label} -> {index}" for index, label in enumerate(labels)))
    return path


def _grouped(problems: Sequence[str], total: int, shown: int = SHOWN) -> list[str]:
    """Lines of :func:`write_cohort`; the same problem of many patients, with whatever files, shares a line."""
    kinds = (without_numbers(_FILE.sub("", problem.partition(": ")[2])) for problem in problems)
    found = [(position, kind, problems[position]) for position, kind in enumerate(kinds)]
    return group_lines(found, lambda position: problems[position].partition(": ")[0], total, shown)


def _check_names(
    source: Path, patients: Iterable[str], group: str, labels: Sequence[str], modality: Sequence[str]
) -> None:
    """Refuse names that are given twice or differ in their spelling alone, and warn of zeros in front of numbers."""
    patients = list(patients)
    problems = [
        f"{field}: found {name} twice, expected different names; correct them"
        for field, names in (("labels", labels), ("modality", modality))
        for name, count in Counter(names).items()
        if count > 1
    ]
    problems += [
        f"{field}: found {spellings}, expected one spelling each; write them alike, or rename one"
        for field, names in ((group, patients), ("label", labels))
        for spellings in several_spellings(names, alike)
    ]
    if problems:
        raise InputError.of_rows(str(source), problems)
    if zeros := several_spellings(patients, without_zeros):
        shown = ", ".join(zeros[:10]) + (", ..." if len(zeros) > 10 else "")
        remedy = "write one patient alike everywhere, or a patient is in training and test"
        logger.warning("%s: %s: found %s, taken as different; %s", source, group, shown, remedy)
