"""A cohort of chest CT phantoms in the layout and with the imbalance of NSCLC-Radiomics."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import nibabel as nib
import numpy as np
import pandas as pd

from ...files import write_atomically
from ..cohorts.nsclc import CLINICAL_FILE, STAGES
from ..datalist_writer import write_datalist
from ..folds import assign_folds
from .cohort import PhantomCase, begin_cohort, check_grid, draw_cases, plan_labels, scanner_image
from .lung_ct import lung_ct
from .scanner import oblique_affine, scanner_of

__all__ = ["make_lung_phantoms"]


def make_lung_phantoms(
    output_dir: str | os.PathLike,
    num_subjects: int = 45,
    shape: Sequence[int] = (64, 64, 64),
    spacing: Sequence[float] = (5.0, 5.0, 5.0),
    stage_counts: Sequence[int] = (2, 1, 6),
    separation: float = 1.5,
    seed: int = 0,
    num_folds: int = 5,
    num_workers: int | None = None,
) -> Path:
    """Make chest CT volumes in Hounsfield units with a lung tumour of stage I, II or III (labels 0, 1, 2).

    The stage acts on the tumour's size, on hilar and mediastinal lymph nodes and on effusion; stages overlap. Each
    subject is a folder ``<subject>/{image,lung_mask}.nii.gz``: an int16 image and a uint8 mask of the right (1) and
    left lung (2) and the tumour (3). A clinical table as NSCLC-Radiomics has it is written beside them.

    Runs can be interrupted and repeated as those of
    :func:`~common.data.phantoms.brain_cohort.make_brain_phantoms`.

    Args:
        output_dir: the cohort's folder.
        num_subjects: size of the cohort.
        shape: voxels left to right, posterior to anterior, inferior to superior. The chest fills them.
        spacing: voxel size along these axes in mm; 5 mm at the default shape is life size.
        stage_counts: proportions of stages I, II and III; the default is the paper's 2:1:6.
        separation: distance of neighbouring stages in standard deviations of the hidden severity.
        seed: of the whole cohort.
        num_folds: subject-wise stratified folds.
        num_workers: threads; default: one per core.

    Returns:
        The path of ``datalist.json``.

    Raises:
        InputError: when an argument makes no sense, there are too few subjects of a stage for the folds, or the
            folder holds another cohort.
    """
    check_grid(shape, spacing)
    planned = plan_labels({"phantom": stage_counts}, num_subjects)
    cases = [
        PhantomCase(f"PHANTOM1-{index + 1:03d}", label, centre, (seed, index))
        for index, (centre, label) in enumerate(planned)
    ]
    rows = [
        {
            "image": f"{case.folder}/image.nii.gz",
            "mask": f"{case.folder}/lung_mask.nii.gz",
            "label": case.label,
            "subject": case.folder,
        }
        for case in cases
    ]
    rows = assign_folds(rows, num_folds, seed)
    arguments = {
        "generator": "lung",
        "num_subjects": num_subjects,
        "shape": list(shape),
        "spacing": [float(size) for size in spacing],
        "stage_counts": list(stage_counts),
        "separation": float(separation),
        "seed": seed,
        "num_folds": num_folds,
    }
    output_dir = begin_cohort(output_dir, arguments)

    def draw(case: PhantomCase, rng: np.random.Generator) -> dict[str, nib.Nifti1Image]:
        affine = oblique_affine(shape, spacing, rng, max_degrees=3.0)
        image, mask = lung_ct(shape, case.label, separation, scanner_of(case.centre, 1, seed), rng)
        return {"image.nii.gz": scanner_image(image, affine), "lung_mask.nii.gz": scanner_image(mask, affine)}

    datalist = output_dir / "datalist.json"
    if not draw_cases(output_dir, cases, draw, num_workers) and datalist.is_file():
        return datalist
    stages = {label: stage for stage, label in reversed(STAGES.items())}
    clinical = pd.DataFrame(
        {"PatientID": [case.folder for case in cases], "Overall.Stage": [stages[case.label] for case in cases]}
    )
    write_atomically(output_dir / CLINICAL_FILE, clinical.to_csv(index=False))
    return write_datalist(datalist, rows, labels=("I", "II", "III"), name="chest CT phantoms", modality=("CT",))
