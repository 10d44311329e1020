"""Writing NIfTI files that are either whole or not there."""

from __future__ import annotations

import os
from pathlib import Path

import nibabel as nib
import numpy as np

__all__ = ["write_nifti"]


def write_nifti(path: str | os.PathLike, voxels: np.ndarray, affine: np.ndarray) -> Path:
    """Write an image under a temporary name in the same folder, made when missing, and rename it.

    Whole numbers that fit are stored as int16, as scanners have them, all else as float32.

    Args:
        path: the ``.nii.gz``.
        voxels: of two or three axes.
        affine: voxel indices to RAS millimetres, 4x4; of an image of two axes, the third column is the slice's normal.

    Returns:
        The path written.
    """
    path = Path(path)
    whole = bool((voxels == np.rint(voxels)).all()) and np.abs(voxels).max() < 2**15
    image = nib.Nifti1Image(voxels.astype(np.int16 if whole else np.float32), affine)
    image.set_qform(affine, code=1)
    image.set_sform(affine, code=1)
    image.header.set_xyzt_units("mm")
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_name(f".partial-{path.name}")
    try:
        nib.save(image, partial)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
    return path
