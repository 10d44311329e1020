"""BUSI (Al-Dhabyani et al. 2020): breast ultrasound, benign against malignant, near duplicates kept together."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from ...errors import InputError
from .collect import existing_folder, missing_files, read_table, write_cohort

__all__ = ["busi_datalist"]

CLASSES = ("benign", "malignant", "normal")


def busi_datalist(
    root: str | os.PathLike,
    output: str | os.PathLike,
    incomplete: Literal["report", "drop"] = "report",
    classes: Sequence[str] = ("benign", "malignant"),
    num_folds: int = 5,
    seed: int = 0,
) -> Path:
    """BUSI: breast ultrasound, benign against malignant; near duplicates count as one subject.

    Reads ``<root>/{images,masks}/<id>.png`` and ``<root>/labels.csv``. The collection tells no patients, and holds near
    duplicates: other frames and crops of one lesion. The table's ``near_duplicate_group`` is therefore the datalist's
    ``subject``, which neither folds nor label fractions nor intervals ever part; ``case`` tells which image it is. Some
    groups hold images of two classes: errors of the collection.

    Args:
        root: folder of images and masks, with ``labels.csv`` (columns ``id``, ``label``, ``near_duplicate_group``).
        output: JSON to write.
        incomplete: how to treat incomplete rows: "report" stops with a list of the lines with missing files, unknown
            class or without group; "drop" leaves them out and logs which and why.
        classes: classes to read, in the order of their label; images of others are left out. Images of "normal" breasts
            have no lesion, so no mask.
        num_folds: number of folds by group, stratified.
        seed: random seed for the folds.

    Returns:
        The path written.

    Raises:
        InputError: for a missing table or unknown classes, and for incomplete lines unless they are dropped.
    """
    root = existing_folder(root)
    if unknown := [name for name in classes if name not in CLASSES]:
        raise InputError(f"classes: found {', '.join(map(str, unknown))}, expected names of {', '.join(CLASSES)}")
    rows, problems = [], []
    for entry in read_table(root / "labels.csv", ("id", "label", "near_duplicate_group")):
        if entry["label"] in CLASSES and entry["label"] not in classes:
            continue
        case, group = entry["id"], entry["near_duplicate_group"]
        files = {key: root / folder / f"{case}.png" for key, folder in (("image", "images"), ("mask", "masks"))}
        if entry["label"] == "normal":
            del files["mask"]
        reasons = [f"no {path.parent.name}/{path.name}" for path in files.values() if missing_files([path])]
        if entry["label"] not in CLASSES:
            reasons.append(f"label is {entry['label'] or 'empty'}, expected one of {', '.join(CLASSES)}")
        if not group:
            reasons.append("near_duplicate_group is empty, expected the group's number")
        if reasons:
            problems.append(f"image {case}: {'; '.join(reasons)}")
            continue
        paths = {key: str(path) for key, path in files.items()}
        label = list(classes).index(entry["label"])
        rows.append({**paths, "label": label, "subject": f"group{group}", "case": case})
    return write_cohort(
        root,
        output,
        rows,
        problems,
        incomplete=incomplete,
        labels=classes,
        name="BUSI (Al-Dhabyani et al. 2020)",
        modality=("US",),
        num_folds=num_folds,
        seed=seed,
    )
