"""Formats that SimpleITK and NumPy read: NRRD, MetaImage, MINC, GIPL, ``.npy`` and others."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from .nifti import write_nifti
from .stored_image import StoredImage, UnreadableImageError, check_right_angles

if TYPE_CHECKING:
    import SimpleITK as sitk  # noqa: N813

__all__ = ["read_array", "read_with_itk", "write_itk_nifti"]

TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


def read_array(path: Path) -> StoredImage:
    """Read the one array of a ``.npy``: ``[X, Y]``, ``[X, Y, Z]`` or ``[X, Y, Z, C]``, without pickles."""
    voxels = np.load(path, mmap_mode="r", allow_pickle=False)  # allocates no memory for a header without data
    if voxels.ndim not in (2, 3, 4) or voxels.dtype.kind not in "biuf":
        raise UnreadableImageError("found no array of numbers with 2 to 4 axes, expected an image")
    return StoredImage(np.array(voxels), min(voxels.ndim, 3), None)


def read_with_itk(path: Path) -> StoredImage:
    """Read any other format of SimpleITK; the last of four axes is the channels."""
    import SimpleITK as sitk  # noqa: N813

    return _stored(sitk.ReadImage(str(path)))


def write_itk_nifti(path: str | os.PathLike, image: sitk.Image) -> Path:
    """Write a scalar image of SimpleITK as NIfTI; on a full disk SimpleITK itself writes a part of it without an error.

    Args:
        path: path of the ``.nii`` or ``.nii.gz`` file.
        image: image with two or three axes.

    Returns:
        The path written.
    """
    stored = _stored(image)
    return write_nifti(path, stored.voxels, np.eye(4) if stored.affine is None else stored.affine)


def _stored(image: sitk.Image) -> StoredImage:
    import SimpleITK as sitk  # noqa: N813

    size, dims = image.GetSize(), min(image.GetDimension(), 3)
    array = sitk.GetArrayFromImage(image)
    if image.GetNumberOfComponentsPerPixel() > 1:
        if len(size) > 3:
            raise UnreadableImageError(f"found {len(size)} axes of vectors, expected 2 or 3 and channels")
        voxels = np.moveaxis(array, -1, 0).T
    else:
        voxels = array.T
    if len(size) not in (2, 3, 4):
        raise UnreadableImageError(f"found {len(size)} axes, expected 2 or 3 in space and one of channels")
    direction = np.reshape(image.GetDirection(), (len(size), len(size)))[:dims, :dims]
    check_right_angles(direction)
    affine, spacing = np.eye(4), image.GetSpacing()[:dims]
    affine[:dims, :dims] = direction * spacing
    affine[:dims, 3] = image.GetOrigin()[:dims]
    return StoredImage(voxels, dims, TO_RAS @ affine, spacing)
