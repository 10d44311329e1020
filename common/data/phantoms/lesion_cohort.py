"""A cohort of brain MR phantoms with multiple sclerosis, for segmentation."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import nibabel as nib
import numpy as np

from ...errors import InputError
from ..datalist_writer import write_datalist
from ..folds import assign_folds
from .cohort import PhantomCase, begin_cohort, check_grid, draw_cases, plan_labels, scanner_image
from .ms_lesions import LESION_MODALITIES, lesion_mr
from .scanner import oblique_affine

__all__ = ["make_lesion_phantoms"]

SITES = ("A", "B")


def make_lesion_phantoms(
    output_dir: str | os.PathLike,
    num_subjects: int = 20,
    shape: Sequence[int] = (64, 64, 64),
    spacing: Sequence[float] = (1.0, 1.0, 1.0),
    modalities: Sequence[str] = LESION_MODALITIES,
    mean_lesions: float = 20.0,
    seed: int = 0,
    num_folds: int = 5,
    num_workers: int | None = None,
) -> Path:
    """Make skull-stripped brain MR volumes with many small lesions, and masks of them as labels.

    Lesions lie in the white matter, mostly beside the ventricles; they are bright on T2 and FLAIR, dark on T1, and on
    T2 alone hard to tell from fluid. Each subject is a folder ``<subject>/{t1,t2,flair,lesions}.nii.gz``: int16 images
    and a uint8 mask. In the datalist ``label`` is the mask's path: load it with ``load_datalist(label="mask")``.

    Runs can be interrupted and repeated as those of
    :func:`~common.data.phantoms.brain_cohort.make_brain_phantoms`.

    Args:
        output_dir: the cohort's folder.
        num_subjects: size of the cohort.
        shape: voxels left to right, posterior to anterior, inferior to superior. The head fills them: 2.5 mm at the
            default shape is life size.
        spacing: voxel size along these axes in mm.
        modalities: any of T1, T2, FLAIR, in the order of the datalist's ``image``.
        mean_lesions: of a subject, on average.
        seed: of the whole cohort.
        num_folds: subject-wise folds.
        num_workers: threads; default: one per core.

    Returns:
        The path of ``datalist.json``.

    Raises:
        InputError: when an argument makes no sense, there are fewer subjects than folds, or the folder holds another
            cohort.
    """
    check_grid(shape, spacing)
    if not modalities or any(name not in LESION_MODALITIES for name in modalities):
        raise InputError(f"modalities: found {list(modalities)}, expected names of {list(LESION_MODALITIES)}")
    if not mean_lesions >= 1:
        raise InputError(f"mean_lesions: found {mean_lesions!r}, expected a number from 1")
    planned = plan_labels(dict.fromkeys(SITES, (1,)), num_subjects)
    cases = [PhantomCase(f"MS-{i + 1:03d}", label, site, (seed, i)) for i, (site, label) in enumerate(planned)]
    rows = [
        {
            "image": [f"{case.folder}/{name.lower()}.nii.gz" for name in modalities],
            "label": f"{case.folder}/lesions.nii.gz",
            "subject": case.folder,
            "site": case.centre,
        }
        for case in cases
    ]
    rows = assign_folds(rows, num_folds, seed, stratify=None)
    arguments = {
        "generator": "lesions",
        "num_subjects": num_subjects,
        "shape": list(shape),
        "spacing": [float(size) for size in spacing],
        "modalities": list(modalities),
        "mean_lesions": float(mean_lesions),
        "seed": seed,
        "num_folds": num_folds,
    }
    output_dir = begin_cohort(output_dir, arguments)

    def draw(case: PhantomCase, rng: np.random.Generator) -> dict[str, nib.Nifti1Image]:
        affine = oblique_affine(shape, spacing, rng)
        images, mask = lesion_mr(shape, modalities, mean_lesions, case.centre, seed, rng)
        voxels = dict(zip([name.lower() for name in modalities], images, strict=True)) | {"lesions": mask}
        return {f"{name}.nii.gz": scanner_image(array, affine) for name, array in voxels.items()}

    datalist = output_dir / "datalist.json"
    if not draw_cases(output_dir, cases, draw, num_workers) and datalist.is_file():
        return datalist
    return write_datalist(
        datalist, rows, labels=("background", "lesion"), name="MS lesion phantoms", modality=modalities
    )
