"""Formats that SimpleITK and NumPy read: NRRD, MetaImage, MINC, GIPL, ``.npy`` and others."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .stored_image import StoredImage, UnreadableImageError

__all__ = ["read_array", "read_with_itk"]

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

    image = sitk.ReadImage(str(path))
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
    affine = np.eye(4)
    affine[:dims, :dims] = direction * image.GetSpacing()[:dims]
    affine[:dims, 3] = image.GetOrigin()[:dims]
    return StoredImage(voxels, dims, TO_RAS @ affine)
