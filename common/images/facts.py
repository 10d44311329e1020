"""Summary of an image file for checks: its geometry and statistics of its voxels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .read import read_image

__all__ = ["ImageFacts", "read_image_facts"]

# A label map with more values is an image passed as mask by mistake; counting all values would be slow.
MAX_MASK_VALUES = 256


@dataclass(frozen=True)
class ImageFacts:
    """Facts of one file, in plain types that can be stored as JSON.

    Attributes:
        stored_shape: sizes of the spatial axes, followed by the number of channels if there are several.
        spatial_shape: sizes of the spatial axes.
        channels: number of channels, 1 for a plain image.
        affine: rows of the 4x4 (3x3 in 2D) matrix from voxel indices to RAS millimetres; ``None`` if unknown (PNG).
        has_content: whether voxels were read, which the next two attributes need.
        constant_channels: indices of channels with a single value.
        values: pairs of value and number of voxels of a mask; ``None`` for images, and for masks with very many values.
    """

    stored_shape: tuple[int, ...]
    spatial_shape: tuple[int, ...]
    channels: int
    affine: tuple[tuple[float, ...], ...] | None
    has_content: bool = False
    constant_channels: tuple[int, ...] = ()
    values: tuple[tuple[float, int], ...] | None = None

    @classmethod
    def from_json(cls, content: dict[str, Any]) -> ImageFacts:
        """The inverse of ``dataclasses.asdict`` after a round trip through JSON."""
        fields: dict[str, Any] = {
            key: _frozen(value) if isinstance(value, list) else value for key, value in content.items()
        }
        return cls(**fields)


def _frozen(items: list[Any]) -> tuple[Any, ...]:
    """Lists within one another as tuples."""
    return tuple([_frozen(item) if isinstance(item, list) else item for item in items])


def read_image_facts(path: str, *, is_mask: bool = False, content: bool = True) -> ImageFacts:
    """Read the facts of a file or DICOM folder.

    Args:
        path: file, or folder with one DICOM series.
        is_mask: whether to count the values.
        content: whether to read the voxels too; otherwise only the headers of NIfTI and DICOM files.

    Raises:
        UnreadableImageError: the image is unusable, see :func:`~common.images.read.read_image`.
    """
    image = read_image(path, is_mask=is_mask, content=content)
    shape, voxels = image.spatial_shape, image.voxels
    facts = ImageFacts(
        stored_shape=voxels.shape,
        spatial_shape=shape,
        channels=image.channels,
        affine=None if image.affine is None else tuple(map(tuple, image.affine.tolist())),
    )
    return replace(facts, **_summary(voxels.reshape(*shape, -1), is_mask)) if content else facts


def _summary(voxels: np.ndarray, is_mask: bool) -> dict[str, Any]:
    """Facts of the voxels of a channel-last array."""
    low, high = (reduce(voxels, axis=tuple(range(voxels.ndim - 1))) for reduce in (np.min, np.max))
    values = None
    if is_mask:
        unique, counts = np.unique(voxels, return_counts=True)
        if len(unique) <= MAX_MASK_VALUES:
            values = tuple((float(value), int(count)) for value, count in zip(unique, counts, strict=True))
    constant = tuple(int(channel) for channel in np.flatnonzero(low == high))
    return {"has_content": True, "constant_channels": constant, "values": values}
