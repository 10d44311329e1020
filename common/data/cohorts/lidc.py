"""Nodules of LIDC-IDRI (Armato et al. 2011): boxes of CT round them, benign against malignant by their readers."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from ...errors import InputError
from .collect import existing_folder, read_table, visible_files, write_cohort

__all__ = ["lidc_datalist"]

TABLE = "labels.csv"
FOLDERS = ("image", "mask")
LABEL_OF_DIAGNOSIS = {"Benign": 0, "Malign": 1}
RATINGS = {"malignancy": "Malignancy_value", "diameter_mm": "diameter_mm"}


def lidc_datalist(
    root: str | os.PathLike,
    output: str | os.PathLike,
    test_patients: Sequence[str] = (),
    incomplete: Literal["report", "drop"] = "report",
    num_folds: int = 5,
    seed: int = 0,
) -> Path:
    """LIDC-IDRI nodules: benign (label 0) against malignant (label 1), with the readers' ratings.

    Reads ``<root>/labels.csv`` (columns ``file``, ``patient_id``, ``nodule_id``, ``Diagnosis``, optionally
    ``Malignancy_value`` and ``diameter_mm``) and ``<root>/{image,mask}/<file>``. Each nodule is a ``subject``, so that
    intervals count nodules; all nodules of a ``patient`` are in the same fold. Other splits, such as
    ``validation_fraction`` and label fractions, are by nodule. The diagnosis is the readers' rating, not pathology.

    Args:
        root: folder of the table and the images.
        output: JSON to write.
        test_patients: patients whose nodules become the test section instead of folds.
        incomplete: treatment of incomplete rows: "report" stops with a list of the lines with missing files, unknown
            diagnosis, without patient or with a file of another line, and of the files without line; "drop" omits and
            logs them.
        num_folds: number of folds by patient, stratified.
        seed: random seed for the folds.

    Returns:
        The path written.

    Raises:
        InputError: the table or a column is missing, a test patient is unknown, or lines are incomplete, not dropped.
    """
    root = existing_folder(root)
    entries = read_table(root / TABLE, ("file", "patient_id", "nodule_id", "Diagnosis"))
    if unknown := sorted(set(test_patients) - {entry["patient_id"] for entry in entries}):
        raise InputError(f"test_patients: found {', '.join(unknown)}, expected values of patient_id in {root / TABLE}")
    rows, problems = _rows(root, entries)
    return write_cohort(
        root,
        output,
        [row for row in rows if row["patient"] not in test_patients],
        problems,
        incomplete=incomplete,
        labels=("benign", "malignant"),
        name="LIDC-IDRI nodules",
        modality=("CT",),
        num_folds=num_folds,
        seed=seed,
        group="patient",
        testing=[row for row in rows if row["patient"] in test_patients],
    )


def _rows(root: Path, entries: Sequence[dict[str, str]]) -> tuple[list[dict[str, Any]], list[str]]:
    """Rows of the table, one line per incomplete row, and one per file without row."""
    counts = Counter(entry["file"] for entry in entries)
    rows, problems = [], []
    for number, entry in enumerate(entries, start=2):  # the header is line 1, as in a spreadsheet
        files = {key: root / key / entry["file"] for key in FOLDERS}
        reasons = [f"{key} is empty" for key in ("file", "patient_id") if not entry[key]]
        if entry["file"]:
            reasons += [f"no {path.parent.name}/{path.name}" for path in files.values() if not path.is_file()]
            reasons += [f"its file is in {counts[entry['file']]} lines"] if counts[entry["file"]] > 1 else []
        if entry["Diagnosis"] not in LABEL_OF_DIAGNOSIS:
            expected = " or ".join(LABEL_OF_DIAGNOSIS)
            reasons.append(f"Diagnosis is {entry['Diagnosis'] or 'empty'}, expected {expected}")
        subject = entry["file"].removesuffix(".gz").removesuffix(".nii")
        if reasons:
            problems.append(f"line {number} (nodule {subject or 'none'}): {'; '.join(reasons)}")
            continue
        row: dict[str, Any] = {key: str(path) for key, path in files.items()}
        row |= {"label": LABEL_OF_DIAGNOSIS[entry["Diagnosis"]], "subject": subject, "patient": entry["patient_id"]}
        rows.append(row | {key: entry[column] for key, column in RATINGS.items() if entry.get(column)})
    for folder in (root / name for name in FOLDERS if (root / name).is_dir()):
        surplus = [path for path in visible_files(folder) if path.name not in counts]
        problems += [f"{folder.name}/{path.name}: not in {TABLE}" for path in surplus]
    return rows, problems
