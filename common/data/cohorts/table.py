"""Cohorts described by a CSV file."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

from .collect import expect_choice, read_table, write_cohort

__all__ = ["label_name", "label_names", "table_datalist", "table_row"]

logger = logging.getLogger(__name__)

KNOWN_COLUMNS = ("subject", "mask", "label")
UNKNOWN = ("unknown", "unlabelled", "unlabeled", "missing", "tbd", "?", "-")  # words that are hardly classes
INTEGER_COLUMNS = ("fold", "slice")


def table_datalist(
    table: str | os.PathLike,
    output: str | os.PathLike,
    images: Sequence[str] = ("image",),
    labels: Sequence[str] = (),
    incomplete: Literal["report", "drop"] = "report",
    num_folds: int = 5,
    seed: int = 0,
    missing: Literal["refuse", "zeros"] = "refuse",
    unlabelled: Literal["report", "keep"] = "report",
) -> Path:
    """Any cohort: a CSV with one row per image.

    Columns are ``subject``, those in ``images``, and optionally ``mask``, ``label``, ``fold`` and ``slice`` (the index
    of the slice for :class:`~common.transforms.SelectSliced`); all others, such as ``centre``, are kept as text. Paths
    are absolute or relative to the folder of the table. A line that equals an earlier one in every cell is left out,
    with a warning, as are cells of ``mask`` that are empty while others are not; a column whose name is close to one of
    these, such as ``lable``, is reported.

    Args:
        table: CSV file.
        output: JSON to write.
        images: columns with the paths of the modalities, in their order.
        labels: class names; the column ``label`` contains names or indices. Default: its sorted values.
        incomplete: treatment of incomplete rows: "report" stops with a list of the rows with missing files or unknown
            label; "drop" omits and logs them.
        num_folds: number of subject-wise stratified folds, if the table has no column ``fold``.
        seed: random seed for the folds.
        missing: treatment of missing modalities: "zeros" keeps rows with an empty column of some modality, with null
            instead of it, for ``load_datalist(missing="zeros")``; "refuse" treats them as incomplete.
        unlabelled: treatment of an empty column ``label``: "keep" keeps the row, for pre-training alone; "report"
            treats it as incomplete.

    Returns:
        The path written.

    Raises:
        InputError: the table or a column is missing, or rows are incomplete, or of another row's images with another
            subject or label, and not dropped.
    """
    table = Path(os.path.abspath(table))
    entries = read_table(table, ("subject", *images), optional=("mask", "label", "fold", "slice"), whole=True)
    has_label = bool(entries) and "label" in entries[0]
    if has_label and not labels:
        labels = label_names(entry["label"] for entry in entries)
        if odd := [name for name in labels if name.lower() in UNKNOWN]:
            remedy = "leave these cells empty and set --unlabelled keep, or name the classes with --labels"
            logger.warning("%s: label: found %s, taken as a class; %s", table, ", ".join(odd), remedy)
    expect_choice("missing", missing, ("refuse", "zeros"))
    expect_choice("unlabelled", unlabelled, ("report", "keep"))
    rows, problems = [], []
    lines: dict[tuple[str, ...], int] = {}
    meanings: dict[str, tuple[tuple[Any, Any], int]] = {}
    for number, entry in enumerate(entries, start=2):  # the header is line 1, as in a spreadsheet
        if (first := lines.setdefault(tuple(entry.values()), number)) != number:
            logger.warning("%s: line %d equals line %d in every cell; left out", table, number, first)
            continue
        row, reasons = table_row(entry, table.parent, images, labels if has_label else (), missing, unlabelled)
        same, meaning = str([row["image"], row.get("mask"), row.get("slice")]), (row["subject"], row.get("label"))
        other, line = meanings.setdefault(same, (meaning, number))
        if meaning != other and any(entry[column] for column in images):
            reasons.append(f"the images of line {line} (subject {other[0]}), with another subject or label")
        if reasons:
            problems.append(f"line {number} (subject {entry['subject'] or 'none'}): {'; '.join(reasons)}")
        else:
            rows.append(row)
    without = [row["subject"] for row in rows if "mask" not in row]
    if 0 < len(without) < len(rows):  # images without a lesion have none
        shown = ", ".join(without[:10]) + (", ..." if len(without) > 10 else "")
        what = "what measures masks refuses these rows; fill the cells in, or leave the rows out"
        logger.warning("%s: mask: empty in %d of %d rows (%s); %s", table, len(without), len(rows), shown, what)
    return write_cohort(
        table,
        output,
        rows,
        problems,
        incomplete=incomplete,
        labels=labels if has_label else (),
        name=table.stem,
        modality=images,
        num_folds=num_folds,
        seed=seed,
    )


def label_names(values: Iterable[str]) -> list[str]:
    """Class names in the order of their index: the values sorted as numbers or alphabetically.

    Args:
        values: texts of a column; empty ones are ignored, and ``1.0`` is ``1``.
    """
    names = {label_name(value) for value in values} - {""}
    return sorted(names, key=float) if all(map(_is_number, names)) else sorted(names)


def label_name(value: str) -> str:
    """A value as class name: a number in its shortest form, other text unchanged."""
    return f"{float(value):.12g}" if _is_number(value) else value


def _is_number(value: str) -> bool:
    return re.fullmatch(r"[+-]?\d+(\.\d*)?", value) is not None


def table_row(
    entry: dict[str, str],
    base: Path,
    images: Sequence[str],
    labels: Sequence[str],
    missing: Literal["refuse", "zeros"] = "refuse",
    unlabelled: Literal["report", "keep"] = "report",
) -> tuple[dict[str, Any], list[str]]:
    """A datalist row, and reasons why it is incomplete.

    Args:
        entry: line of the table, text by column.
        base: folder to which its paths are relative.
        images: columns with the paths of the modalities.
        labels: class names; empty if the table has no labels.
        missing: "refuse" or "zeros", see :func:`table_datalist`.
        unlabelled: "report" or "keep", see there.
    """
    lacking = [column for column in images if not entry[column]]
    allowed = lacking if missing == "zeros" and len(lacking) < len(images) else []
    reasons = [f"{column} is empty" for column in ("subject", *images) if not entry[column] and column not in allowed]
    paths = [None if column in lacking else base / entry[column] for column in images]
    reasons += [f"no {path}" for path in paths if path and not path.exists()]
    files = [None if path is None else str(path) for path in paths]
    row: dict[str, Any] = {"image": files[0] if len(files) == 1 else files}
    if entry.get("mask"):
        row["mask"] = str(base / entry["mask"])
        reasons += [f"no {row['mask']}"] if not Path(row["mask"]).exists() else []
    value = entry.get("label", "")
    if labels and (value or unlabelled == "report"):
        if label_name(value) in labels or value in labels:
            row["label"] = list(labels).index(value if value in labels else label_name(value))
        elif value.isdecimal() and int(value) < len(labels) and not any(map(_is_number, labels)):
            row["label"] = int(value)
        else:
            remedy = "" if value else "; --unlabelled keep keeps the row for pre-training"
            reasons.append(f"label is {value or 'empty'}, expected one of {', '.join(labels)}{remedy}")
    row["subject"] = entry["subject"]
    for column in INTEGER_COLUMNS:
        if number := entry.get(column):
            if number.isdecimal():
                row[column] = int(number)
            else:
                reasons.append(f"{column} is {number}, expected an integer from 0")
    used = (*KNOWN_COLUMNS, *INTEGER_COLUMNS, *images)
    rest = {key: value for key, value in entry.items() if key not in used and value}
    return row | rest, reasons
