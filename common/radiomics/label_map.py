"""Reading of label maps, whose voxels are counted."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..images.read import read_image
from ..images.stored_image import UnreadableImageError

__all__ = ["read_label_map"]


def read_label_map(path: Any, key: str = "mask") -> tuple[np.ndarray, np.ndarray]:
    """Read a label map.

    Args:
        path: file or folder; ``None`` or a list of one are those of a datalist row.
        key: key of the row; ``"image"`` for shapes, of 0 and one other value.

    Returns:
        Labels, shape ``[X, Y]`` or ``[X, Y, Z]``, axes in the patient's order; axes of one voxel are dropped while more
        than two are left. And the size of a voxel along each axis, in mm or pixels.

    Raises:
        UnreadableImageError: there is no file, or it is unreadable or no label map.
        OSError: the file cannot be opened.
    """
    from nibabel.orientations import io_orientation

    path = next(iter(path), None) if isinstance(path, list | tuple) else path
    if not path:
        raise UnreadableImageError("found none, expected a file; add it or delete the row")
    image = read_image(path, is_mask=key == "mask")
    if image.channels > 1:
        raise UnreadableImageError(f"found {image.channels} channels, expected one")
    values = np.unique(image.voxels)
    if (values != np.round(values)).any() or values[0] < 0:
        raise UnreadableImageError(
            f"found values such as {values[0]:g} and {values[-1]:g}, expected labels 0, 1, 2, ..."
        )
    if key != "mask" and len(values) > 2:
        raise UnreadableImageError(f"found {len(values)} values, expected a shape of 0 and one other value")
    affine = np.eye(4) if image.affine is None else image.affine
    spacing = np.linalg.norm(affine[:3, : image.spatial_dims], axis=0)
    voxels = image.voxels.reshape(image.spatial_shape)
    if image.spatial_dims == 3:  # in the patient's order: aspects of axial and sagittal files agree
        order = np.argsort(io_orientation(affine)[:, 0])
        voxels, spacing = voxels.transpose(order), spacing[order]
    flat = [axis for axis, number in enumerate(voxels.shape) if number == 1][: voxels.ndim - 2]  # a slice as a volume
    return np.squeeze(voxels, tuple(flat)), np.delete(spacing, flat)
