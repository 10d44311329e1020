"""A cohort of brain MR phantoms in the layout and with the imbalance of BraTS."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import nibabel as nib
import numpy as np

from ...errors import InputError
from ..datalist_writer import write_datalist
from ..folds import assign_folds
from .brain_mr import MR_MODALITIES, brain_mr
from .cohort import PhantomCase, begin_cohort, check_grid, draw_cases, plan_labels, scanner_image
from .scanner import oblique_affine

__all__ = ["BRATS_CENTRES", "make_brain_phantoms"]

# Subjects of low and high grade at each centre: Li et al. 2021, Table 1. CBICA has no low grade.
BRATS_CENTRES = {"CBICA": (0, 125), "TCIA": (65, 98), "TMC": (1, 8), "others": (10, 19)}
GRADE_FOLDERS = ("LGG", "HGG")


def make_brain_phantoms(
    output_dir: str | os.PathLike,
    num_subjects: int = 40,
    shape: Sequence[int] = (64, 64, 64),
    spacing: Sequence[float] = (1.0, 1.0, 1.0),
    modalities: Sequence[str] = MR_MODALITIES,
    centres: Mapping[str, Sequence[int]] = BRATS_CENTRES,
    separation: float = 2.4,
    seed: int = 0,
    num_folds: int = 5,
    num_workers: int | None = None,
) -> Path:
    """Make skull-stripped multi-modal brain MR volumes with gliomas of low (label 0) and high grade (label 1).

    Low grades are smooth and homogeneous with little enhancement and oedema; high grades are irregular, with a
    necrotic core, a rim that enhances on T1ce and wide oedema on FLAIR; the two overlap. Centres differ in contrast,
    gain, noise, resolution and bias field. Each subject is a folder as in BraTS,
    ``HGG/<subject>_1/<subject>_1_{flair,t1,t1ce,t2,seg}.nii.gz``: int16 images, a uint8 mask of 1 (necrotic and
    non-enhancing core), 2 (oedema) and 4 (enhancing tumour), and an oblique affine with the true spacing.

    What is there already is kept, so that an interrupted run goes on where it was and a finished one does nothing.
    The same arguments give the same files, whatever the number of workers.

    Args:
        output_dir: the cohort's folder.
        num_subjects: size of the cohort.
        shape: voxels left to right, posterior to anterior, inferior to superior. The head fills them: 2.5 mm at the
            default shape is life size.
        spacing: voxel size along these axes in mm.
        modalities: any of FLAIR, T1, T1ce, T2, in the order of the datalist's ``image``.
        centres: subjects of low and high grade at each centre, in any unit; only proportions count. The default is
            the paper's Table 1: three high grades to one low, unequal centres, one of them without low grades.
        separation: distance of the grades in standard deviations of the hidden malignancy. At 2.4 a linear
            classifier on simple features reaches an AUC of about 0.9; at 0 there is nothing to learn.
        seed: of the whole cohort.
        num_folds: subject-wise stratified folds.
        num_workers: threads; default: one per core.

    Returns:
        The path of ``datalist.json``.

    Raises:
        InputError: when an argument makes no sense, there are too few subjects of a grade for the folds, or the
            folder holds another cohort.
    """
    check_grid(shape, spacing)
    unknown = [name for name in modalities if name not in MR_MODALITIES]
    if unknown or not modalities:
        raise InputError(f"modalities: found {list(modalities)}, expected names of {list(MR_MODALITIES)}")
    cases = _plan(centres, num_subjects, seed)
    rows = assign_folds([_row(case, modalities) for case in cases], num_folds, seed)
    arguments = {
        "generator": "brain",
        "num_subjects": num_subjects,
        "shape": list(shape),
        "spacing": [float(size) for size in spacing],
        "modalities": list(modalities),
        "centres": {name: list(counts) for name, counts in centres.items()},
        "separation": float(separation),
        "seed": seed,
        "num_folds": num_folds,
    }
    output_dir = begin_cohort(output_dir, arguments)

    def draw(case: PhantomCase, rng: np.random.Generator) -> dict[str, nib.Nifti1Image]:
        affine = oblique_affine(shape, spacing, rng)
        images, mask = brain_mr(shape, modalities, case.label == 1, separation, case.centre, seed, rng)
        name = Path(case.folder).name
        files = {
            f"{name}_{key.lower()}.nii.gz": scanner_image(image, affine)
            for key, image in zip(modalities, images, strict=True)
        }
        return files | {f"{name}_seg.nii.gz": scanner_image(mask, affine)}

    datalist = output_dir / "datalist.json"
    if not draw_cases(output_dir, cases, draw, num_workers) and datalist.is_file():
        return datalist
    return write_datalist(
        datalist,
        rows,
        labels=("low grade", "high grade"),
        name="brain MR phantoms",
        modality=modalities,
    )


def _plan(centres: Mapping[str, Sequence[int]], num_subjects: int, seed: int) -> list[PhantomCase]:
    numbers: Counter[str] = Counter()
    cases = []
    for index, (centre, label) in enumerate(plan_labels(centres, num_subjects)):
        numbers[centre] += 1
        folder = f"{GRADE_FOLDERS[label]}/Phantom_{centre}_{numbers[centre]:03d}_1"
        cases.append(PhantomCase(folder, label, centre, (seed, index)))
    return cases


def _row(case: PhantomCase, modalities: Sequence[str]) -> dict:
    name = Path(case.folder).name
    return {
        "image": [f"{case.folder}/{name}_{modality.lower()}.nii.gz" for modality in modalities],
        "mask": f"{case.folder}/{name}_seg.nii.gz",
        "label": case.label,
        "subject": name.removesuffix("_1"),
        "centre": case.centre,
    }
