"""NSCLC-Radiomics (Lung1) converted to NIfTI: overall stage I, II or III."""

from __future__ import annotations

import os
from pathlib import Path

from .collect import existing_folder, missing_files, read_table, write_cohort

__all__ = ["CLINICAL_FILE", "STAGES", "nsclc_datalist"]

CLINICAL_FILE = "NSCLC Radiomics Lung1.clinical-version3.csv"
STAGES = {"I": 0, "II": 1, "IIIa": 2, "IIIb": 2}


def nsclc_datalist(
    root: str | os.PathLike,
    output: str | os.PathLike,
    incomplete: str = "report",
    clinical: str | os.PathLike | None = None,
    image: str = "image.nii.gz",
    mask: str = "lung_mask.nii.gz",
    num_folds: int = 5,
    seed: int = 0,
) -> Path:
    """Write the datalist of ``<root>/<PatientID>/{image,lung_mask}.nii.gz``; labels 0, 1, 2 are stages I, II, III.

    The collection comes as DICOM; convert it first, and segment the lungs (the paper used lungmask, Hofmanninger et
    al. 2020).

    Args:
        root: folder of the patients.
        output: the JSON to write.
        incomplete: "report" stops with a list of the patients with missing files or without stage; "drop" leaves
            them out and logs which and why (the paper excludes two without stage).
        clinical: the clinical table with columns ``PatientID`` and ``Overall.Stage``; default: the collection's file
            name in ``root``.
        image: name of a patient's CT in the patient's folder.
        mask: name of the lung mask there.
        num_folds: subject-wise stratified folds.
        seed: of the folds.

    Returns:
        The path written.

    Raises:
        InputError: for a missing table, and for incomplete patients unless they are dropped.
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
