"""Images and masks as scalar volumes and planes, for radiomics."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np

from ..errors import InputError
from .dicom_headers import is_dicom
from .dicom_segmentation import is_segmentation, read_segmentation
from .read import read_image
from .stored_image import StoredImage, UnreadableImageError
from .volume import Volume

__all__ = ["as_plane", "on_grid_of", "read_mask", "read_volume"]

GRID = ("spacing", "origin", "direction")
TO_LPS = np.diag([-1.0, -1.0, 1.0])
CHOOSE = {
    False: "choose one, such as --modality 0; in a row of several files, save one as the file",
    True: "save one of them as the mask",
}


def read_volume(path: str | Path, channel: int | None = None, is_mask: bool = False, itk_grid: bool = False) -> Volume:
    """Read a scalar volume or plane: the only channel of a file, or one of several.

    Args:
        path: image in a format that :func:`~common.images.read.read_image` reads.
        channel: index of the channel if the file may contain several; ``None``: it must contain one.
        is_mask: whether the image is a label map.
        itk_grid: whether to take ITK's grid, whose last digits decide ties between voxels in resampling.

    Raises:
        InputError: the image is unusable, or lacks the channel.
    """
    try:
        image = read_image(path, is_mask=is_mask)
    except UnreadableImageError as error:
        raise InputError(f"{path}: {error.advice}") from error
    if channel is None and image.channels > 1:
        raise InputError(f"{path}: {image.channels} channels; expected one; {CHOOSE[is_mask]}")
    channel = channel or 0
    if channel >= image.channels:
        raise InputError(
            f"{path}: {image.channels} channel{'s'[: image.channels != 1]}; expected one with index {channel}"
        )
    volume = _as_volume(image, channel)
    return _on_itk_grid(volume, path) if itk_grid else volume


def read_mask(path: str | Path, image: Volume, label: int | None = None, itk_grid: bool = False) -> Volume:
    """Read a label map; a DICOM segmentation is resampled onto the grid of ``image``.

    Args:
        path: image as in :func:`read_volume`, or a DICOM segmentation, whose labels are its segment numbers.
        image: image that the mask belongs to.
        label: the only label to read, as segments may overlap; by default all.
        itk_grid: as in :func:`read_volume`.

    Raises:
        InputError: see :func:`read_volume`; or a segmentation has another grid.
    """
    if is_segmentation(path):
        return read_segmentation(path, image, label)
    return read_volume(path, is_mask=True, itk_grid=itk_grid)


def on_grid_of(volume: Volume, path: str | Path, itk_grid: bool = False) -> Volume:
    """A volume on the grid of its file to the last digit, if it is there up to rounding; otherwise as it is.

    Args:
        volume: voxels with the grid that an affine has left of the file's.
        path: file that they were read from.
        itk_grid: as in :func:`read_volume`.
    """
    try:
        found = _as_volume(read_image(path, content=False), 0)
    except (UnreadableImageError, OSError):
        return volume
    near = partial(np.allclose, rtol=1e-5, atol=1e-5)
    if found.size != volume.size or not all(near(getattr(found, name), getattr(volume, name)) for name in GRID):
        return volume
    return (_on_itk_grid(found, path) if itk_grid else found).with_values(volume.values)


def _on_itk_grid(volume: Volume, path: str | Path) -> Volume:
    """The volume of a file on the grid that ITK reads from it, by its own rules for sform and qform and its rounding.

    The grid of DICOM stays, and where ITK cannot read the file or takes another spacing, as for a ``pixdim`` of 0.
    """
    import SimpleITK as sitk  # noqa: N813  # here, as it takes 90 MB

    if Path(path).is_dir() or is_dicom(path):
        return volume
    header, axes = sitk.ImageFileReader(), volume.dimension
    header.SetFileName(str(path))
    try:
        header.ReadImageInformation()
    except RuntimeError:
        return volume
    spacing, dimension = header.GetSpacing()[:axes], header.GetDimension()
    direction = np.reshape(header.GetDirection(), (dimension, dimension))[:axes, :axes]
    if not np.allclose(spacing, volume.spacing, rtol=1e-5) or abs(np.linalg.det(direction)) <= 0.5:
        return volume
    return replace(volume, spacing=spacing, origin=header.GetOrigin()[:axes], direction=direction)


def as_plane(volume: Volume) -> Volume:
    """A volume of one slice as plane: of a 3D one PyRadiomics computes no LoG, and wavelets along z too."""
    if volume.dimension == 2 or volume.size[2] > 1:
        return volume
    return Volume.of_array(volume.values[0], volume.spacing[:2])


def _as_volume(image: StoredImage, channel: int) -> Volume:
    voxels = image.voxels if image.voxels.ndim == image.spatial_dims else image.voxels[..., channel]
    voxels = voxels.astype(np.float32) if voxels.dtype.kind == "f" and voxels.dtype.itemsize not in (4, 8) else voxels
    volume = Volume.of_array(np.ascontiguousarray(voxels.T.astype(np.uint8) if voxels.dtype == bool else voxels.T))
    if image.affine is None:
        return volume
    dims = image.spatial_dims
    lengths = np.linalg.norm(image.affine[:3, :dims], axis=0)
    direction = (TO_LPS @ image.affine[:3, :3])[:dims, :dims] / lengths
    placed = Volume.of_array(volume.values, image.spacing or lengths.tolist())
    if abs(np.linalg.det(direction)) <= 0.5:  # only the spacing is kept for sagittal and coronal planes
        return placed
    return replace(placed, origin=tuple((TO_LPS @ image.affine[:3, 3])[:dims].tolist()), direction=direction)
