"""A cohort of liver MR phantoms: transverse slices or volumes in three modalities, two stages."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import nibabel as nib
import numpy as np

from ...errors import InputError
from ..datalist_writer import write_datalist
from ..folds import assign_folds
from .cohort import PhantomCase, begin_cohort, draw_cases, plan_labels, scanner_image
from .liver_mr import LIVER_MODALITIES, liver_mr
from .scanner import oblique_affine

__all__ = ["make_liver_phantoms"]

FIELD_OF_VIEW = 380.0  # mm, left to right
SLICE_DISTANCE = 8.0  # mm


def make_liver_phantoms(
    output_dir: str | os.PathLike,
    num_subjects: int = 40,
    sizes: Sequence[int] = (160, 260),
    spatial_dims: int = 2,
    num_slices: int = 16,
    modalities: Sequence[str] = LIVER_MODALITIES,
    stage_counts: Sequence[int] = (88, 50),
    separation: float = 1.8,
    seed: int = 0,
    num_folds: int = 5,
    num_workers: int | None = None,
) -> Path:
    """Make MR images of the upper abdomen with a liver tumour of stage 1 (label 0) or stage 2 (label 1).

    The modalities show one anatomy in different contrasts: fat is bright on T1 and cancels with water in the
    out-of-phase image, fluid is bright on T2. Tumours of stage 2 are larger, less regular, more heterogeneous and
    brighter on T2, hold less fat and have more satellites; the stages overlap. Each subject is a folder
    ``<subject>/{t1,t2,out,mask}.nii.gz``: int16 images, and a uint8 mask of the liver (1) and its tumour (2). Matrix
    sizes differ from subject to subject, the field of view is 380 mm wide, and the affine is oblique with the true
    spacing.

    Runs can be interrupted and repeated as those of
    :func:`~common.data.phantoms.brain_cohort.make_brain_phantoms`.

    Args:
        output_dir: the cohort's folder.
        num_subjects: size of the cohort.
        sizes: least and greatest number of pixels from left to right; there are fewer from back to front.
        spatial_dims: 2 for one transverse slice, which shows the tumour; 3 for volumes of thick slices.
        num_slices: of a volume, 8 mm apart.
        modalities: any of T1, T2, OUT, in the order of the datalist's ``image``.
        stage_counts: proportions of stages 1 and 2; the default is the paper's 88 : 50.
        separation: distance of the stages in standard deviations of the hidden severity; at 0 there is nothing to
            learn.
        seed: of the whole cohort.
        num_folds: subject-wise stratified folds.
        num_workers: threads; default: one per core.

    Returns:
        The path of ``datalist.json``.

    Raises:
        InputError: when an argument makes no sense, there are too few subjects of a stage for the folds, or the
            folder holds another cohort.
    """
    _check(sizes, spatial_dims, num_slices, modalities)
    planned = plan_labels({"phantom": stage_counts}, num_subjects)
    cases = [
        PhantomCase(f"LIVER-{index + 1:03d}", label, centre, (seed, index))
        for index, (centre, label) in enumerate(planned)
    ]
    rows = assign_folds([_row(case, modalities) for case in cases], num_folds, seed)
    arguments = {
        "generator": "liver",
        "num_subjects": num_subjects,
        "sizes": list(sizes),
        "spatial_dims": spatial_dims,
        "num_slices": num_slices,
        "modalities": list(modalities),
        "stage_counts": list(stage_counts),
        "separation": float(separation),
        "seed": seed,
        "num_folds": num_folds,
    }
    output_dir = begin_cohort(output_dir, arguments)

    def draw(case: PhantomCase, rng: np.random.Generator) -> dict[str, nib.Nifti1Image]:
        width = int(rng.integers(sizes[0], sizes[1] + 1))
        shape = (width, round(width * rng.uniform(0.7, 0.85)), 1 if spatial_dims == 2 else num_slices)
        pixel = FIELD_OF_VIEW / width
        affine = oblique_affine(shape, (pixel, pixel, SLICE_DISTANCE), rng)
        images, mask = liver_mr(shape, modalities, case.label == 1, separation, case.centre, seed, rng)
        voxels = dict(zip([name.lower() for name in modalities], images, strict=True)) | {"mask": mask}
        files = {f"{name}.nii.gz": scanner_image(array, affine) for name, array in voxels.items()}
        return files if spatial_dims == 3 else {name: _slice(image) for name, image in files.items()}

    datalist = output_dir / "datalist.json"
    if not draw_cases(output_dir, cases, draw, num_workers) and datalist.is_file():
        return datalist
    return write_datalist(datalist, rows, labels=("stage 1", "stage 2"), name="liver MR phantoms", modality=modalities)


def _check(sizes: Sequence[int], spatial_dims: int, num_slices: int, modalities: Sequence[str]) -> None:
    """Raise :class:`InputError` for arguments that make no cohort."""
    pair = isinstance(sizes, Sequence) and len(sizes) == 2 and all(isinstance(size, int) for size in sizes)
    if not pair or not 24 <= sizes[0] <= sizes[1]:
        raise InputError(f"sizes: found {sizes!r}, expected two integers from 24, the first not above the second")
    if spatial_dims not in (2, 3):
        raise InputError(f"spatial_dims: found {spatial_dims!r}, expected 2 or 3")
    if not isinstance(num_slices, int) or num_slices < 2:
        raise InputError(f"num_slices: found {num_slices!r}, expected an integer from 2")
    if not modalities or any(name not in LIVER_MODALITIES for name in modalities):
        raise InputError(f"modalities: found {list(modalities)}, expected names of {list(LIVER_MODALITIES)}")


def _row(case: PhantomCase, modalities: Sequence[str]) -> dict:
    return {
        "image": [f"{case.folder}/{name.lower()}.nii.gz" for name in modalities],
        "mask": f"{case.folder}/mask.nii.gz",
        "label": case.label,
        "subject": case.folder,
    }


def _slice(volume: nib.Nifti1Image) -> nib.Nifti1Image:
    """A volume of one slice as an image of two axes, whose header still tells where the slice lies."""
    image = nib.Nifti1Image(np.asarray(volume.dataobj)[..., 0], volume.affine, volume.header)
    image.set_qform(volume.affine, code=1)
    return image
