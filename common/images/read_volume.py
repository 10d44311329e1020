"""Images and masks as scalar volumes and planes, for radiomics."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from ..errors import InputError
from .dicom_segmentation import is_segmentation, read_segmentation
from .read import read_image
from .stored_image import StoredImage, UnreadableImageError
from .volume import Volume

__all__ = ["as_plane", "read_mask", "read_volume"]

TO_LPS = np.diag([-1.0, -1.0, 1.0])


def read_volume(path: str | Path, channel: int | None = None, is_mask: bool = False) -> Volume:
    """Read a scalar volume or plane: the only channel of a file, or one of several.

    Args:
        path: image in a format that :func:`~common.images.read.read_image` reads.
        channel: index of the channel if the file may contain several; ``None``: it must contain one.
        is_mask: whether the image is a label map.

    Raises:
        InputError: the image is unusable, or lacks the channel.
    """
    try:
        image = read_image(path, is_mask=is_mask)
    except UnreadableImageError as error:
        raise InputError(f"{path}: {error.advice}") from error
    if channel is None and image.channels > 1:
        raise InputError(f"{path}: {image.channels} channels; expected one")
    channel = channel or 0
    if channel >= image.channels:
        raise InputError(
            f"{path}: {image.channels} channel{'s'[: image.channels != 1]}; expected one with index {channel}"
        )
    return _as_volume(image, channel)


def read_mask(path: str | Path, image: Volume, label: int | None = None) -> Volume:
    """Read a label map; a DICOM segmentation is resampled onto the grid of ``image``.

    Args:
        path: image as in :func:`read_volume`, or a DICOM segmentation, whose labels are its segment numbers.
        image: image that the mask belongs to.
        label: the only label to read, as segments may overlap; by default all.

    Raises:
        InputError: see :func:`read_volume`; or a segmentation has another grid.
    """
    if is_segmentation(path):
        return read_segmentation(path, image, label)
    return read_volume(path, is_mask=True)


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
    axes = (TO_LPS @ image.affine[:3, :3])[:dims, :dims]
    spacing = np.linalg.norm(image.affine[:3, :dims], axis=0)
    placed = Volume.of_array(volume.values, spacing.tolist())
    if abs(np.linalg.det(axes / spacing)) <= 0.5:  # only the spacing is kept for sagittal and coronal planes
        return placed
    return replace(placed, origin=tuple((TO_LPS @ image.affine[:3, 3])[:dims].tolist()), direction=axes / spacing)
