"""OASIS-1 as skull-stripped volumes with a table: people of all ages, some of them scanned twice."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from .collect import existing_folder, missing_files, read_age, read_table, write_cohort
from .table import label_names

__all__ = ["oasis_datalist"]


def oasis_datalist(
    root: str | os.PathLike,
    output: str | os.PathLike,
    label: str | None = None,
    incomplete: Literal["report", "drop"] = "report",
    num_folds: int = 5,
    seed: int = 0,
) -> Path:
    """OASIS-1 (Marcus et al. 2007) as skull-stripped volumes: scans and rescans of one person stay together.

    Reads ``<root>/<id>.nii.gz`` and ``<root>/labels.csv``. The subject is the column ``base``, which scans and rescans
    of one person share; ``age`` comes from ``Age``.

    Args:
        root: folder of the volumes, with ``labels.csv`` (columns ``id``, ``base``, ``Age``).
        output: JSON to write.
        label: column with the class, such as Gender; ``None`` for none, as for pre-training.
        incomplete: how to treat incomplete rows: "report" stops with a list of the scans without file, age or label;
            "drop" leaves them out and logs which and why.
        num_folds: number of folds by person, stratified by label where there is one.
        seed: random seed for the folds.

    Returns:
        The path written.

    Raises:
        InputError: for a missing table or column, and for incomplete scans unless they are dropped.
    """
    root = existing_folder(root)
    columns = ("id", "base", "Age", *((label,) if label else ()))
    entries = read_table(root / "labels.csv", columns)
    names = label_names({entry[label] for entry in entries} - {""}) if label else []
    rows, problems = [], []
    for entry in entries:
        image = root / f"{entry['id']}.nii.gz"
        reasons = [f"no {name}" for name in missing_files([image])]
        reasons += [f"{column} is empty" for column in columns if not entry[column]]
        row = {"image": str(image), "subject": entry["base"]}
        age, more = read_age("Age", entry["Age"])
        reasons += more
        if reasons:
            problems.append(f"scan {entry['id']}: {'; '.join(reasons)}")
        else:
            rows.append(row | age | ({"label": names.index(entry[label])} if label else {}))
    return write_cohort(
        root,
        output,
        rows,
        problems,
        incomplete=incomplete,
        labels=names,
        name="OASIS-1",
        modality=("T1",),
        num_folds=num_folds,
        seed=seed,
    )
