"""A scalar image on its grid in space, in the conventions of ITK but without its memory."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import SimpleITK as sitk  # noqa: N813

__all__ = ["Volume"]


@dataclass(frozen=True)
class Volume:
    """A scalar volume or plane: what an image of SimpleITK holds, without importing SimpleITK, which takes 90 MB.

    Args:
        values: intensities or labels, with axes in the order of NumPy, ``[z, y, x]`` or ``[y, x]``.
        spacing: distance of the voxels in mm along x, y and z.
        origin: position of the first voxel in LPS millimetres.
        direction: matrix from axes to LPS, shape ``[D, D]``.
    """

    values: np.ndarray
    spacing: tuple[float, ...]
    origin: tuple[float, ...]
    direction: np.ndarray

    @classmethod
    def of_array(cls, values: np.ndarray, spacing: Sequence[float] | None = None) -> Volume:
        """An image at the origin along the axes of space, by default with a spacing of 1 mm."""
        axes = values.ndim
        steps = tuple(float(step) for step in spacing or (1.0,) * axes)
        return cls(values, steps, (0.0,) * axes, np.eye(axes))

    @classmethod
    def of(cls, image: Volume | sitk.Image) -> Volume:
        """A copy of a SimpleITK image; a volume as it is."""
        if isinstance(image, Volume):
            return image
        import SimpleITK as sitk  # noqa: N813

        axes = image.GetDimension()
        direction = np.reshape(image.GetDirection(), (axes, axes))
        return cls(sitk.GetArrayFromImage(image), image.GetSpacing(), image.GetOrigin(), direction)

    def to_itk(self) -> sitk.Image:
        """A copy as SimpleITK image, with the same grid."""
        import SimpleITK as sitk  # noqa: N813

        image = sitk.GetImageFromArray(self.values)
        image.SetSpacing(self.spacing)
        image.SetOrigin(self.origin)
        image.SetDirection(self.direction.ravel().tolist())
        return image

    def with_values(self, values: np.ndarray) -> Volume:
        """Other values on the same grid."""
        return Volume(values, self.spacing, self.origin, self.direction)

    @property
    def dimension(self) -> int:
        """Number of axes, 2 or 3."""
        return self.values.ndim

    @property
    def size(self) -> tuple[int, ...]:
        """Number of voxels along x, y and z."""
        return self.values.shape[::-1]

    def point(self, index: Sequence[float]) -> np.ndarray:
        """Position in LPS millimetres of a voxel (x, y, z), or of a place between voxels."""
        return np.asarray(self.origin) + self.direction @ (np.asarray(index) * self.spacing)

    def index(self, point: Sequence[float] | np.ndarray) -> np.ndarray:
        """The inverse of :meth:`point`."""
        return np.linalg.solve(self.direction, np.asarray(point) - self.origin) / self.spacing
