"""Boxes of voxels around lesions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["Box"]


@dataclass(frozen=True)
class Box:
    """A range of voxels on each axis, in ITK's order (x, y, z).

    Args:
        lower: first voxel on each axis.
        upper: last voxel on each axis, plus one.

    Example:
        >>> import numpy as np
        >>> box = Box.of_mask(np.pad(np.ones((2, 3), dtype=bool), 4))  # an array's axes are (y, x)
        >>> box.lower, box.upper, box.grown([5, 2], (11, 10)).lower
        ((4, 4), (7, 6), (0, 2))
    """

    lower: tuple[int, ...]
    upper: tuple[int, ...]

    @classmethod
    def of_mask(cls, mask: np.ndarray) -> Box:
        """The smallest box around a mask that is not empty; ITK's label statistics take thirty times as long.

        Args:
            mask: boolean array with axes in the order of NumPy, (z, y, x).
        """
        lower, upper = [], []
        for axis in reversed(range(mask.ndim)):
            occupied = np.flatnonzero(mask.any(axis=tuple(other for other in range(mask.ndim) if other != axis)))
            lower.append(int(occupied[0]))
            upper.append(int(occupied[-1]) + 1)
        return cls(tuple(lower), tuple(upper))

    def grown(self, margin: Sequence[int], size: Sequence[int]) -> Box:
        """This box extended by ``margin`` voxels on both sides of each axis, clipped to an image of ``size``."""
        lower = tuple(max(low - more, 0) for low, more in zip(self.lower, margin, strict=True))
        upper = tuple(min(up + more, end) for up, more, end in zip(self.upper, margin, size, strict=True))
        return Box(lower, upper)

    def grown_axis(self, axis: int, margin: int, size: Sequence[int]) -> Box:
        """This box extended by ``margin`` voxels on both sides of one axis, to the whole axis if it is too short."""
        lower, upper = list(self.lower), list(self.upper)
        lower[axis], upper[axis] = lower[axis] - margin, upper[axis] + margin
        if lower[axis] < 0 or upper[axis] > size[axis]:
            lower[axis], upper[axis] = 0, size[axis]
        return Box(tuple(lower), tuple(upper))

    def within(self, outer: Box) -> Box:
        """This box relative to the first voxel of ``outer``, which contains it."""
        return self.moved([-first for first in outer.lower])

    def moved(self, distance: Sequence[int]) -> Box:
        """This box translated by ``distance`` voxels on each axis."""
        lower = tuple(low + step for low, step in zip(self.lower, distance, strict=True))
        upper = tuple(up + step for up, step in zip(self.upper, distance, strict=True))
        return Box(lower, upper)

    @property
    def slices(self) -> tuple[slice, ...]:
        """Index of this part of an array, whose axes are in the order of NumPy."""
        return tuple(slice(low, up) for low, up in zip(reversed(self.lower), reversed(self.upper), strict=True))
