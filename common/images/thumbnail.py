"""Small pictures of images with the outline of their mask, to look at."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from .stored_image import StoredImage

__all__ = ["encoded_picture", "grey_levels", "largest_slice", "thumbnail", "with_outline"]

OUTLINE = (255, 176, 0)
PERCENTILES = (1.0, 99.0)  # of an image that are black and white


def thumbnail(
    image: StoredImage,
    mask: StoredImage | None = None,
    *,
    channel: int = 0,
    side: int = 256,
    outline: bool = True,
    shown: StoredImage | None = None,
    each_label: bool = False,
    colour: Sequence[int] = OUTLINE,
) -> np.ndarray:
    """A plane of an image in grey with the outline of its mask.

    Volumes with a position are shown in radiological orientation: a transverse plane with the patient's right on the
    left and anterior on top, the one with the largest part of the mask, or the middle one.

    Args:
        image: volume or picture.
        mask: mask on its grid, lesion or organ above 0.
        channel: channel to show.
        side: longest side of the picture in pixels.
        outline: whether to draw the outline.
        shown: mask whose plane is shown instead, on the same grid.
        each_label: whether each label of the mask has its outline, or all above 0 together.
        colour: red, green and blue of the outline.

    Returns:
        Red, green and blue, ``[rows, columns, 3]`` bytes.
    """
    from PIL import Image

    if image.channels > 1:
        image = replace(image, voxels=image.voxels[..., channel])
    voxels, spacing = _upright(image)
    region, other = (_region(each, voxels.shape, each_label) for each in (mask, shown))
    place = largest_slice(voxels.shape, region if other is None else other)
    plane, region = voxels[place], None if region is None else region[place]
    size = np.array(plane.shape) * np.asarray(spacing[:2])
    width, height = (max(round(side * length / size.max()), 1) for length in size)
    low, high = np.percentile(voxels.astype(np.float32), PERCENTILES)
    grey = Image.fromarray(grey_levels(plane, low, high).T).resize((width, height), Image.Resampling.BICUBIC)
    rows = np.stack([np.asarray(grey)] * 3, axis=-1)
    if region is not None and outline:
        drawn = Image.fromarray(region.T.astype(np.uint8)).resize((width, height), Image.Resampling.NEAREST)
        rows = with_outline(rows, np.asarray(drawn), colour)
    return rows


def _region(mask: StoredImage | None, shape: Sequence[int], each_label: bool) -> np.ndarray | None:
    """Labels of a mask in the picture's order of axes; ``None`` for one on another grid."""
    voxels = None if mask is None else _upright(mask)[0]
    if voxels is None or voxels.shape != tuple(shape):
        return None
    return voxels if each_label else (voxels > 0).astype(np.uint8)


def largest_slice(shape: Sequence[int], region: np.ndarray | None) -> tuple[slice | int, ...]:
    """Index of the plane along the last axis with the largest part of a region; of all of a 2D image.

    Args:
        shape: shape of the image, ``[X, Y]`` or ``[X, Y, Z]``.
        region: mask of that shape; without one, or where it is empty, the plane is the middle one.
    """
    if len(shape) == 2:
        return (slice(None), slice(None))
    areas = np.zeros(shape[2]) if region is None else (region > 0).sum((0, 1))
    return (slice(None), slice(None), int(areas.argmax()) if areas.any() else shape[2] // 2)


def grey_levels(plane: np.ndarray, low: float, high: float) -> np.ndarray:
    """Intensities as bytes, black at ``low`` and white at ``high``."""
    scaled = (plane.astype(np.float32) - low) / max(high - low, 1e-6)
    return (np.clip(scaled, 0, 1) * 255).astype(np.uint8)


def with_outline(picture: np.ndarray, region: np.ndarray, colour: Sequence[int] = OUTLINE) -> np.ndarray:
    """A picture ``[rows, columns, 3]`` with the outline of a region, or of each label above 0, ``[rows, columns]``."""
    from scipy.ndimage import binary_erosion

    drawn = picture.copy()
    for label in np.unique(region[region > 0]):
        inside = region == label
        drawn[inside & ~binary_erosion(inside, border_value=0)] = colour
    return drawn


def encoded_picture(picture: np.ndarray, quality: int = 88) -> bytes:
    """A picture ``[rows, columns, 3]`` as JPEG."""
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format="JPEG", quality=quality, optimize=True)
    return buffer.getvalue()


def _upright(image: StoredImage) -> tuple[np.ndarray, tuple[float, ...]]:
    """Voxels whose first axis runs to the right of the screen, the second one downwards; size of a voxel."""
    if image.affine is None or image.spatial_dims == 2:
        return image.voxels, (1.0,) * image.spatial_dims
    from nibabel.orientations import apply_orientation, axcodes2ornt, io_orientation, ornt_transform

    affine = np.asarray(image.affine, dtype=float)
    # to the patient's left, to posterior, to superior
    change = ornt_transform(io_orientation(affine), axcodes2ornt(("L", "P", "S")))
    spacing = np.linalg.norm(affine[:3, :3], axis=0)
    order = np.argsort(change[:, 0])
    return apply_orientation(image.voxels, change), tuple(float(spacing[axis]) for axis in order)
