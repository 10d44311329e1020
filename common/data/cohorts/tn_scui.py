"""TN-SCUI2020: ultrasound of thyroid nodules, benign against malignant."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from .collect import existing_folder, missing_files, read_table, write_cohort

__all__ = ["TN_SCUI_LABELS", "TN_SCUI_TABLE", "tn_scui_datalist"]

TN_SCUI_TABLE = "train.csv"
TN_SCUI_LABELS = ("benign", "malignant")


def tn_scui_datalist(
    root: str | os.PathLike,
    output: str | os.PathLike,
    incomplete: Literal["report", "drop"] = "report",
    num_folds: int = 5,
    seed: int = 0,
) -> Path:
    """TN-SCUI2020: benign against malignant thyroid nodules in ultrasound.

    It reads ``<root>/{image,mask}/<ID>.PNG`` and ``<root>/train.csv``. The label is the column ``CATE``: 0 for benign
    and 1 for malignant. Each image is a separate patient. Zhao and Yang (2021), section 3.1, split "by the ratio of
    80 : 20, while preserving the percentage of samples for each class": fold 0 of five is such a test set.

    Args:
        root: folder of the training set, as unpacked.
        output: JSON to write.
        incomplete: treatment of incomplete rows: "report" stops with a list of the lines with missing files,
            duplicates or without class; "drop" omits and logs them.
        num_folds: number of subject-wise stratified folds.
        seed: random seed for the folds.

    Returns:
        The path written.

    Raises:
        InputError: the table is missing, or lines are incomplete and not dropped.
    """
    root = existing_folder(root)
    rows, problems, seen = [], [], set()
    for number, entry in enumerate(read_table(root / TN_SCUI_TABLE, ("ID", "CATE")), start=2):
        # The table contains file names, or only patients.
        name, cate = Path(entry["ID"]).stem, entry["CATE"]
        files = [_file(root / folder, name) for folder in ("image", "mask")]
        reasons = [] if name else ["ID is empty"]
        reasons += [f"no {path.parent.name}/{path.name}" for path in files if name and missing_files([path])]
        if name in seen:
            reasons.append("found in an earlier line too, expected once")
        if cate not in ("0", "1"):
            reasons.append(f"CATE is {cate or 'empty'}, expected 0 or 1")
        seen.add(name)
        if reasons:
            problems.append(f"line {number} (ID {name or 'none'}): {'; '.join(reasons)}")
            continue
        rows.append({"image": str(files[0]), "mask": str(files[1]), "label": int(cate), "subject": name})
    return write_cohort(
        root,
        output,
        rows,
        problems,
        incomplete=incomplete,
        labels=TN_SCUI_LABELS,
        name="TN-SCUI2020",
        modality=("US",),
        num_folds=num_folds,
        seed=seed,
    )


def _file(folder: Path, name: str) -> Path:
    """The image of a patient: ``.PNG`` in the challenge, but copies are often renamed."""
    plain = folder / f"{name}.PNG"
    lower = plain.with_suffix(".png")
    return lower if lower.exists() and not plain.exists() else plain
