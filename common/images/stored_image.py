"""The image type that all readers of this package return."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["StoredImage", "UnreadableImageError", "check_right_angles", "grey_of_colours"]

MAX_COSINE = 1e-4  # between axes, as ITK allows


class UnreadableImageError(ValueError):
    """A file is unusable as image; the message states what was found and expected, without the name of the file."""

    @property
    def advice(self) -> str:
        """The message and a remedy."""
        return str(self) if ";" in str(self) else f"{self}; replace the file or delete the row"


@dataclass(frozen=True)
class StoredImage:
    """A volume, a plane or a picture.

    Attributes:
        voxels: intensities ``[X, Y]`` or ``[X, Y, Z]``, followed by channels if there are several; ``X`` runs along
            the rows of a slice or picture, ``Y`` along its columns.
        spatial_dims: number of spatial axes, 2 or 3.
        affine: 4x4 matrix from voxel indices to RAS millimetres; ``None`` for pictures, which have no position.
        spacing: distance of the voxels in mm to the last digit, where the file states it; the lengths of the
            affine's columns may differ from it by rounding.
    """

    voxels: np.ndarray
    spatial_dims: int
    affine: np.ndarray | None
    spacing: tuple[float, ...] | None = None

    @property
    def spatial_shape(self) -> tuple[int, ...]:
        """Sizes of the spatial axes."""
        return self.voxels.shape[: self.spatial_dims]

    @property
    def channels(self) -> int:
        """Number of channels, 1 for a plain image."""
        return 1 if self.voxels.ndim == self.spatial_dims else self.voxels.shape[-1]


def grey_of_colours(colours: np.ndarray) -> np.ndarray:
    """The grey values of an image that was saved in colour.

    Args:
        colours: image whose last axis is red, green, blue and optionally opacity.

    Raises:
        UnreadableImageError: the three colours differ in some pixel.
    """
    grey = colours[..., 0]
    if (colours[..., 1] != grey).any() or (colours[..., 2] != grey).any():
        raise UnreadableImageError("found an image in colour, expected one grey value per pixel; convert it to grey")
    return grey


def check_right_angles(axes: np.ndarray) -> None:
    """Refuse a sheared grid, on which lengths, volumes and networks would be wrong without a sign.

    Args:
        axes: directions of the voxel axes as columns, of any lengths, shape ``[D, D]``.

    Raises:
        UnreadableImageError: two axes are not at right angles.
    """
    units = axes / np.linalg.norm(axes, axis=0)
    if np.abs(units @ units.T - np.eye(len(units))).max() > MAX_COSINE:  # in this order, to refuse what ITK refuses
        angle = np.degrees(np.arccos(np.abs(np.triu(units.T @ units, 1)).max()))
        raise UnreadableImageError(
            f"found a sheared grid, with axes {angle:.4g} degrees apart, expected right angles; resample image and "
            "mask (nibabel.processing: resample_to_output, with order=0 for masks)"
        )
