"""Which voxels of a lesion are neighbours, and which follow each other on a line: the same for all filtered images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from .compiled import pyradiomics_module

__all__ = ["MAX_VOXELS", "Lines", "Neighbourhood", "Neighbours"]

#: Up to so many voxels a lesion's neighbours are listed, which takes some 500 bytes a voxel (**ours**).
MAX_VOXELS = 100_000


@dataclass(frozen=True)
class Neighbours:
    """The neighbour of each voxel in each direction, as indices of the lesion's voxels in the order of NumPy.

    Args:
        index: first the neighbours in the direction of each angle, then those in the opposite directions, ``[2 angles,
            voxels]``; the number of voxels where a neighbour is not in the lesion.
        number: number of neighbours of each voxel.
    """

    index: np.ndarray
    number: np.ndarray

    @property
    def forward(self) -> np.ndarray:
        """The neighbours in the direction of each angle, ``[angles, voxels]``."""
        return self.index[: len(self.index) // 2]

    @cached_property
    def forward_by_voxel(self) -> np.ndarray:
        """The transpose of :attr:`forward`, in one dimension."""
        return self.forward.T.astype(np.int32).ravel()


@dataclass(frozen=True)
class Lines:
    """All voxels of the lesion in the order of the lines along each angle.

    Like PyRadiomics, without the angles along which no line has two voxels of the lesion.

    Args:
        angles: positions of the angles in :class:`Neighbours`.
        order: indices of the lesion's voxels, along all lines of the first angle, then of the second, and so on.
        places: positions of these voxels in an array ``[angles, voxels]``.
    """

    angles: np.ndarray
    order: np.ndarray
    places: np.ndarray


class Neighbourhood:
    """Neighbours and lines of a lesion, found once for each setting of PyRadiomics that they depend on.

    Args:
        mask: lesion in its box, boolean, with axes in the order of NumPy.
    """

    def __init__(self, mask: np.ndarray) -> None:
        self.mask = mask
        self.places = np.flatnonzero(mask)
        self._found: dict[tuple, Any] = {}

    @property
    def voxels(self) -> int:
        """Number of voxels of the lesion."""
        return len(self.places)

    def neighbours(self, args: Mapping[str, Any], distances: Sequence[int] = (1,)) -> Neighbours:
        """Neighbours at ``distances`` in all directions.

        Args:
            args: PyRadiomics settings, of which ``force2D`` and ``force2Ddimension`` are used.
            distances: distances in voxels, by the infinity norm.
        """
        key = ("neighbours", tuple(distances), *_plane(args))
        if key not in self._found:
            self._found[key] = self._neighbours(self._angles(args, distances))
        return self._found[key]

    def lines(self, args: Mapping[str, Any]) -> Lines:
        """Lines along the directions to adjacent voxels, as in :meth:`neighbours`."""
        key = ("lines", *_plane(args))
        if key not in self._found:
            self._found[key] = self._lines(self._angles(args, (1,)))
        return self._found[key]

    def _angles(self, args: Mapping[str, Any], distances: Sequence[int]) -> np.ndarray:
        generate = pyradiomics_module("_cmatrices").generate_angles
        return generate(np.array(self.mask.shape), np.array(distances), False, *_plane(args))

    def _neighbours(self, angles: np.ndarray) -> Neighbours:
        margin = np.abs(angles).max(initial=1)
        numbers = np.full(np.array(self.mask.shape) + 2 * margin, self.voxels)
        inner = tuple(slice(margin, -margin) for _ in self.mask.shape)
        numbers[inner][self.mask] = np.arange(self.voxels)
        steps = angles @ np.array(numbers.strides) // numbers.itemsize
        places = np.flatnonzero(numbers < self.voxels)
        index = numbers.ravel()[places + np.concatenate([steps, -steps])[:, None]]
        return Neighbours(index, np.count_nonzero(index < self.voxels, axis=0))

    def _lines(self, angles: np.ndarray) -> Lines:
        voxels, kept, orders = np.array(np.unravel_index(self.places, self.mask.shape)), [], []
        for number, angle in enumerate(angles):
            axis = int(np.flatnonzero(angle)[0])
            position = voxels[axis] * angle[axis]
            start = voxels - angle[:, None] * position  # where the line crosses the plane 0 of the axis
            extent = np.ptp(start, axis=1) + 1
            line = np.ravel_multi_index(start - start.min(axis=1, keepdims=True), extent)
            order = np.argsort(line * (2 * self.mask.shape[axis] + 1) + position)
            ordered = line[order]
            if (ordered[1:] == ordered[:-1]).any():
                kept.append(number)
                orders.append(order)
        order = np.array(orders, dtype=np.intp).reshape(-1, self.voxels)
        places = order + np.arange(len(order))[:, None] * self.voxels
        return Lines(np.array(kept, dtype=np.intp), order.ravel(), places.ravel())


def _plane(args: Mapping[str, Any]) -> tuple[bool, int]:
    return args.get("force2D", False), args.get("force2Ddimension", 0)
