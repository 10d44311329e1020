"""NSCLC-Radiomics (Lung1) converted to NIfTI: overall stage I, II or III."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Literal

from .collect import existing_folder, missing_files, read_table, write_cohort

__all__ = ["CLINICAL_FILE", "STAGES", "nsclc_datalist"]

CLINICAL_FILE = "NSCLC Radiomics Lung1.clinical-version3.csv"
STAGES = {"I": 0, "II": 1, "IIIa": 2, "IIIb": 2}


def nsclc_datalist(
    root: str | os.PathLike,
    output: str | os.PathLike,
    incomplete: Literal["report", "drop"] = "report",
    clinical: str | os.PathLike | None = None,
    image: str = "image.nii.gz",
    mask: str = "lung_mask.nii.gz",
    num_folds: int = 5,
    seed: int = 0,
) -> Path:
    """NSCLC-Radiomics converted to NIfTI: stage I, II or III (labels 0, 1, 2) from CT with lung masks.

    It reads ``<root>/<PatientID>/{image,lung_mask}.nii.gz``. The collection is DICOM: convert it first, and segment the
    lungs (the paper used lungmask, Hofmanninger et al. 2020).

    Args:
        root: folder of the patients.
        output: JSON to write.
        incomplete: treatment of incomplete rows: "report" stops with a list of the patients with missing files or
            without stage; "drop" omits and logs them (the paper excludes two without stage).
        clinical: clinical table with columns ``PatientID`` and ``Overall.Stage``; default: that of the collection in
            ``root``.
        image: file name of the CT in the folder of a patient.
        mask: file name of the lung mask in the folder of a patient.
        num_folds: number of subject-wise stratified folds.
        seed: random seed for the folds.

    Returns:
        The path written.

    Raises:
        InputError: the table is missing, or patients are incomplete and not dropped.
    """
    root = existing_folder(root)
    rows, problems = [], []
    for entry in read_table(Path(clinical or root / CLINICAL_FILE), ("PatientID", "Overall.Stage")):
        patient, stage = entry["PatientID"], entry["Overall.Stage"]
        files = [root / patient / image, root / patient / mask]
        reasons = [f"no {name}" for name in missing_files(files)]
        if stage not in STAGES:
            reasons.append(f"Overall.Stage is {stage or 'empty'}, expected one of {', '.join(STAGES)}")
        if reasons:
            problems.append(f"patient {patient}: {'; '.join(reasons)}")
            continue
        rows.append({"image": str(files[0]), "mask": str(files[1]), "label": STAGES[stage], "subject": patient})
    return write_cohort(
        root,
        output,
        rows,
        problems,
        incomplete=incomplete,
        labels=("I", "II", "III"),
        name="NSCLC-Radiomics",
        modality=("CT",),
        num_folds=num_folds,
        seed=seed,
    )
