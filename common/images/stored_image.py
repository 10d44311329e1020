"""What a file or folder holds, as every reader of this package gives it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

__all__ = ["StoredImage", "UnreadableImageError", "grey_of_colours"]


class UnreadableImageError(ValueError):
    """A file cannot be used as image; the message says what was found and expected, without the file's name."""

    @property
    def advice(self) -> str:
        """The message and what to do."""
        return str(self) if ";" in str(self) else f"{self}; replace the file or drop the row"


@dataclass(frozen=True)
class StoredImage:
    """A volume, a plane or a picture.

    Attributes:
        voxels: intensities ``[X, Y]`` or ``[X, Y, Z]``, with channels as last axis where there are several; ``X`` runs
            along the rows of a slice or picture, ``Y`` along its columns.
        spatial_dims: number of axes in space, 2 or 3.
        affine: voxel indices to RAS millimetres, 4x4; ``None`` for pictures, which have no place in a patient.
    """

    voxels: np.ndarray
    spatial_dims: int
    affine: np.ndarray | None

    @property
    def spatial_shape(self) -> tuple[int, ...]:
        """Sizes of the axes in space."""
        return self.voxels.shape[: self.spatial_dims]

    @property
    def channels(self) -> int:
        """Number of channels, 1 for a plain image."""
        return 1 if self.voxels.ndim == self.spatial_dims else self.voxels.shape[-1]


def grey_of_colours(colours: np.ndarray) -> np.ndarray:
    """The grey values of an image that was saved in colour.

    Args:
        colours: red, green and blue, and perhaps opacity, as last axis.

    Raises:
        UnreadableImageError: the three differ somewhere.
    """
    grey = colours[..., 0]
    if (colours[..., 1] != grey).any() or (colours[..., 2] != grey).any():
        raise UnreadableImageError("found an image in colour, expected one grey value per pixel; convert it to grey")
    return grey
