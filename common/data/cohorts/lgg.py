"""TCGA-LGG as prepared by Buda et al. 2019 and stored at 96x96xn: WHO grade 2 against 3."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from .collect import existing_folder, missing_files, read_table, write_cohort

__all__ = ["lgg_datalist"]

SEQUENCES = ("flair", "t1pre", "t1post")
LABEL_OF_GRADE = {"2": 0, "3": 1}


def lgg_datalist(
    root: str | os.PathLike,
    output: str | os.PathLike,
    incomplete: Literal["report", "drop"] = "report",
    num_folds: int = 5,
    seed: int = 0,
) -> Path:
    """TCGA-LGG (Buda et al. 2019): WHO grade 2 against 3 from FLAIR, T1 before and after contrast agent.

    Reads ``<root>/<patient>/{flair,t1pre,t1post,seg}.nii.gz`` and ``<root>/labels.csv``. The label is 0 for WHO grade 2
    and 1 for grade 3; the centre is the two-letter code in a TCGA name.

    Args:
        root: folder of the patients, with ``labels.csv`` (columns ``id``, ``who_grade``, ``missing_sequences``).
        output: JSON to write.
        incomplete: how to treat incomplete rows: "report" stops with a list of the patients without grade or with
            missing sequences; "drop" leaves them out and logs which and why.
        num_folds: number of subject-wise stratified folds.
        seed: random seed for the folds.

    Returns:
        The path written.

    Raises:
        InputError: for a missing table, and for incomplete patients unless they are dropped.
    """
    root = existing_folder(root)
    rows, problems = [], []
    for entry in read_table(root / "labels.csv", ("id", "who_grade", "missing_sequences")):
        folder = root / entry["id"]
        images, mask = [folder / f"{name}.nii.gz" for name in SEQUENCES], folder / "seg.nii.gz"
        named = [f"{name}.nii.gz" for name in entry["missing_sequences"].split(";") if name in SEQUENCES]
        reasons = [f"no {name}" for name in sorted({*named, *missing_files([*images, mask])})]
        if entry["who_grade"] not in LABEL_OF_GRADE:
            reasons.append(f"who_grade is {entry['who_grade'] or 'empty'}, expected 2 or 3")
        if reasons:
            problems.append(f"patient {entry['id']}: {'; '.join(reasons)}")
            continue
        # TCGA_CS_4942_19970222: patient, then the date of the scan.
        subject = "_".join(entry["id"].split("_")[:3])
        rows.append(
            {
                "image": [str(path) for path in images],
                "mask": str(mask),
                "label": LABEL_OF_GRADE[entry["who_grade"]],
                "subject": subject,
                "centre": entry["id"].split("_")[1],
            }
        )
    return write_cohort(
        root,
        output,
        rows,
        problems,
        incomplete=incomplete,
        labels=("WHO grade 2", "WHO grade 3"),
        name="TCGA-LGG (Buda et al. 2019)",
        modality=SEQUENCES,
        num_folds=num_folds,
        seed=seed,
    )
