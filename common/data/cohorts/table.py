"""Cohorts described by a CSV file."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from ...counts import counted
from ...errors import InputError
from .class_labels import is_number, label_indices, label_name
from .collect import expect_choice, read_table, write_cohort, zeros_remedy

__all__ = ["check_columns", "table_datalist", "table_row", "used_labels"]

logger = logging.getLogger(__name__)

KNOWN_COLUMNS = ("subject", "mask", "label")
UNKNOWN = ("unknown", "unlabelled", "unlabeled", "missing", "tbd", "?", "-")  # words that are hardly classes
INTEGER_COLUMNS = ("fold", "slice")
FEW = 10  # values of a column that may be one of labels


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
    are absolute, relative to the folder of the table, or begin with ``~/``, the home folder. A line that equals an
    earlier one in every cell is left out, with a warning, as are cells of ``mask`` that are empty while others are not;
    a column whose name is close to one of these, such as ``lable``, is reported.

    Args:
        table: CSV file.
        output: JSON to write.
        images: columns with the paths of the modalities, in their order.
        labels: class names; the column ``label`` contains names, or indices from 0, or the numbers that
            ``1=low,2=high`` assigns. Default: its sorted values.
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
        InputError: the table or a column is missing, the labels are other numbers than indices of ``labels``, paths
            have backslashes, numbers have decimal commas, or rows are incomplete, or of another row's images with
            another subject or label, and not dropped; one subject or class is spelled in several ways.
    """
    table = Path(os.path.abspath(table))
    if known := [column for column in images if column in (*KNOWN_COLUMNS, *INTEGER_COLUMNS)]:
        raise InputError(f"images: found {', '.join(known)}, expected columns of images; correct --images")
    entries = read_table(
        table,
        ("subject", *images),
        optional=("mask", "label", "fold", "slice"),
        whole=True,
        remedy="rename the columns, or name those of the images with --images",
    )
    check_columns(table, entries, images)
    has_label = bool(entries) and "label" in entries[0]
    given = bool(labels)
    indices: dict[str, int] = {}
    if has_label:
        labels, indices = label_indices(table, (entry["label"] for entry in entries), labels)
        if odd := [name for name in labels if name.lower() in UNKNOWN and not given]:
            remedy = "leave these cells empty and set --unlabelled keep, or name the classes with --labels"
            logger.warning("%s: label: found %s, taken as a class; %s", table, ", ".join(odd), remedy)
    expect_choice("missing", missing, ("refuse", "zeros"))
    expect_choice("unlabelled", unlabelled, ("report", "keep"))
    _check_slashes(table, entries, [*images, "mask"])
    rows, problems = [], []
    lines: dict[tuple[str, ...], int] = {}
    seen: dict[str, tuple[Any, str, int]] = {}
    for number, entry in enumerate(entries, start=2):  # the header is line 1, as in a spreadsheet
        if (first := lines.setdefault(tuple(entry.values()), number)) != number:
            logger.warning("%s: line %d equals line %d in every cell; left out", table, number, first)
            continue
        row, reasons = table_row(entry, table.parent, images, indices, missing, unlabelled)
        if clash := _clash(row, number, seen):
            reasons.append(clash)
        if reasons:
            problems.append(f"line {number} (subject {entry['subject'] or 'none'}): {'; '.join(reasons)}")
        else:
            rows.append(row)
    without = [row["subject"] for row in rows if "mask" not in row]
    if 0 < len(without) < len(rows):  # images without a lesion have none
        shown = ", ".join(without[:10]) + (", ..." if len(without) > 10 else "")
        what = "bundles that need masks refuse these rows; fill in the cells, or delete the rows from the table"
        logger.warning("%s: mask: empty in %d of %d rows (%s); %s", table, len(without), len(rows), shown, what)
    if not given:
        rows, labels = used_labels(rows, labels)
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


def _check_slashes(table: Path, entries: Sequence[Mapping[str, str]], columns: Sequence[str]) -> None:
    """Refuse paths as Windows writes them, which would be reported as many missing files."""
    cells = [cell for entry in entries for column in columns if "\\" in (cell := entry.get(column, ""))]
    if cells and not any(os.path.exists(table.parent / cell) for cell in cells):
        raise InputError(
            f"{table}: {', '.join(columns)}: found backslashes in {counted(len(cells), 'path')}, such as {cells[0]}, "
            "expected paths of this machine with /; replace them"
        )


def _clash(row: Mapping[str, Any], number: int, seen: dict[str, tuple[Any, str, int]]) -> str:
    """Why a row has the images of an earlier one; empty if it has its own.

    Args:
        row: row of the datalist.
        number: its line.
        seen: subject of each file, and label of each group of images, mask and slice, with subject and line of their
            first row; files without symbolic links. This row is added.
    """
    images = row["image"] if isinstance(row["image"], list) else [row["image"]]
    files = [os.path.realpath(path) for path in images if path]
    meanings = dict.fromkeys(files, row["subject"])
    if files:
        mask = os.path.realpath(row["mask"]) if "mask" in row else ""
        meanings[str([files, mask, row.get("slice")])] = row.get("label")
    for key, meaning in meanings.items():
        other, subject, line = seen.setdefault(key, (meaning, row["subject"], number))
        if other != meaning and key in files:  # load_datalist refuses them, too
            return (
                f"{key} is also an image of line {line} (subject {subject}), another subject; correct the path or the "
                "subject, split a file of several subjects, or, for a modality that is missing, leave the cell empty "
                "and set --missing zeros"
            )
        if other != meaning:
            return f"the images of line {line} (subject {subject}) have another label there; correct one"
    return ""


def check_columns(table: Path, entries: Sequence[Mapping[str, str]], images: Sequence[str] = ()) -> None:
    """Refuse numbers with a decimal comma, and log what may be the labels where no column is called so.

    Args:
        table: CSV file, for messages.
        entries: its lines, text by column.
        images: columns with the paths of the modalities.

    Raises:
        InputError: a column has decimal commas, and no text but numbers; ``1,0`` would be another class than ``1``.
    """
    known = ("subject", "mask", *INTEGER_COLUMNS, *images)
    names = [name for name in (entries[0] if entries else ()) if name not in known]
    values = {name: {entry[name] for entry in entries} - {""} for name in names}
    wrong = [
        f"{name} ({next(each for each in sorted(found) if ',' in each)})"
        for name, found in values.items()
        if any("," in each for each in found) and all(is_number(each.replace(",", ".", 1)) for each in found)
    ]
    if wrong:
        remedy = "replace them, or delete these columns where they hold no such numbers"
        raise InputError(f"{table}: found decimal commas in {', '.join(wrong)}, expected decimal points; {remedy}")
    few = [name for name, found in values.items() if 1 < len(found) <= min(FEW, len(entries) // 2)]
    if few and "label" not in values:
        what = "found no column label, so no row has a label; rename the column of the labels to label if it is among"
        logger.info("%s: %s %s", table, what, ", ".join(few))


def used_labels(rows: Sequence[dict[str, Any]], labels: Sequence[str]) -> tuple[list[dict[str, Any]], list[str]]:
    """Rows and class names without the classes of dropped rows, such as the sum below a table.

    Args:
        rows: rows of the datalist, with indices as labels.
        labels: class names, as found in all lines.
    """
    used = sorted({row["label"] for row in rows if "label" in row})
    rows = [row | ({"label": used.index(row["label"])} if "label" in row else {}) for row in rows]
    return rows, [labels[index] for index in used]


def table_row(
    entry: dict[str, str],
    base: Path,
    images: Sequence[str],
    indices: Mapping[str, int],
    missing: Literal["refuse", "zeros"] = "refuse",
    unlabelled: Literal["report", "keep"] = "report",
) -> tuple[dict[str, Any], list[str]]:
    """A datalist row, and reasons why it is incomplete.

    Args:
        entry: line of the table, text by column.
        base: folder to which its paths are relative.
        images: columns with the paths of the modalities.
        indices: index of the class for each text that stands for one; empty if the table has no labels.
        missing: "refuse" or "zeros", see :func:`table_datalist`.
        unlabelled: "report" or "keep", see there.
    """
    lacking = [column for column in images if not entry[column]]
    allowed = lacking if missing == "zeros" and len(lacking) < len(images) else []
    keep = zeros_remedy(lacking, images)
    reasons = [] if entry["subject"] else ["subject is empty"]
    reasons += [f"{column} is empty{keep}" for column in lacking if column not in allowed]
    paths = [None if column in lacking else base / os.path.expanduser(entry[column]) for column in images]
    named = zip(images, paths, strict=True)  # a path may also be a text too long for one
    reasons += [f"no {column} {path}" for column, path in named if path and not os.path.exists(path)]
    files = [None if path is None else str(path) for path in paths]
    row: dict[str, Any] = {"image": files[0] if len(files) == 1 else files}
    if entry.get("mask"):
        row["mask"] = str(base / os.path.expanduser(entry["mask"]))
        reasons += [f"no mask {row['mask']}"] if not os.path.exists(row["mask"]) else []
    value = entry.get("label", "")
    if indices and (value or unlabelled == "report"):
        index = indices.get(value, indices.get(label_name(value)))
        if index is not None:
            row["label"] = index
        else:
            remedy = "" if value else "; --unlabelled keep keeps the row for pre-training"
            reasons.append(f"label is {value or 'empty'}, expected one of {', '.join(indices)}{remedy}")
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
