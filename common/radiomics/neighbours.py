"""Which voxels of a lesion are neighbours, and which follow each other on a line: the same for all filtered images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from radiomics import cMatrices
from scipy.sparse import csr_array

__all__ = ["MAX_VOXELS", "Lines", "Neighbourhood", "Pairs"]

#: Up to so many voxels a lesion's neighbours are listed, which takes some 500 bytes a voxel (**ours**).
MAX_VOXELS = 100_000


@dataclass(frozen=True)
class Pairs:
    """Pairs of voxels at the distance of each angle, as indices of the lesion's voxels in the order of NumPy.

    Args:
        first: voxels that have a neighbour, all of the first angle, then all of the second, and so on.
        second: the neighbour of each of them in the direction of the angle.
        bounds: position of the first pair of each angle, and the number of pairs.
        voxels: number of voxels of the lesion.
    """

    first: np.ndarray
    second: np.ndarray
    bounds: np.ndarray
    voxels: int

    @cached_property
    def graph(self) -> csr_array:
        """1 in row ``first`` and column ``second`` of each pair, ``[voxels, voxels]``."""
        return csr_array((np.ones(len(self.first)), (self.first, self.second)), shape=(self.voxels, self.voxels))

    @cached_property
    def backward(self) -> csr_array:
        """The transpose of :attr:`graph`."""
        return self.graph.T.tocsr()

    @cached_property
    def forward(self) -> np.ndarray:
        """Number of pairs of which each voxel is the first."""
        return np.diff(self.graph.indptr)

    @cached_property
    def heads(self) -> np.ndarray:
        """The first voxel of each pair in the order of :attr:`graph`."""
        return np.repeat(np.arange(self.voxels), self.forward)

    @cached_property
    def number(self) -> np.ndarray:
        """Number of neighbours of each voxel, in both directions."""
        return self.forward + np.bincount(self.second, minlength=self.voxels)


@dataclass(frozen=True)
class Lines:
    """All voxels of the lesion in the order of the lines along each angle.

    Like PyRadiomics, without the angles along which no line has two voxels of the lesion.

    Args:
        order: indices of the lesion's voxels, along all lines of the first angle, then of the second, and so on.
        breaks: whether the voxel before in ``order`` is not its predecessor on the line.
        bounds: position of the first voxel of each angle in ``order``, and their number.
    """

    order: np.ndarray
    breaks: np.ndarray
    bounds: np.ndarray


class Neighbourhood:
    """Pairs and lines of a lesion, found once for each setting of PyRadiomics that they depend on.

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

    def pairs(self, args: Mapping[str, Any], distances: Sequence[int] = (1,)) -> Pairs:
        """Neighbours at ``distances``, in half of all directions.

        Args:
            args: PyRadiomics settings, of which ``force2D`` and ``force2Ddimension`` are used.
            distances: distances in voxels, by the infinity norm.
        """
        key = ("pairs", tuple(distances), *_plane(args))
        if key not in self._found:
            self._found[key] = self._pairs(self._angles(args, distances))
        return self._found[key]

    def lines(self, args: Mapping[str, Any]) -> Lines | None:
        """Lines along the directions to adjacent voxels, as in :meth:`pairs`; ``None`` if none has two voxels."""
        key = ("lines", *_plane(args))
        if key not in self._found:
            self._found[key] = self._lines(self._angles(args, (1,)))
        return self._found[key]

    def _angles(self, args: Mapping[str, Any], distances: Sequence[int]) -> np.ndarray:
        return cMatrices.generate_angles(np.array(self.mask.shape), np.array(distances), False, *_plane(args))

    @cached_property
    def _numbers(self) -> np.ndarray:
        """Index of each voxel of the lesion in its box, -1 outside."""
        numbers = np.full(self.mask.shape, -1)
        numbers.ravel()[self.places] = np.arange(self.voxels)
        return numbers

    def _pairs(self, angles: np.ndarray) -> Pairs:
        first, second = [], []
        for angle in angles.tolist():
            here = self._numbers[tuple(slice(max(-step, 0), -max(step, 0) or None) for step in angle)]
            there = self._numbers[tuple(slice(max(step, 0), min(step, 0) or None) for step in angle)]
            both = (here >= 0) & (there >= 0)
            first.append(here[both])
            second.append(there[both])
        bounds = np.cumsum([0, *map(len, first)])
        return Pairs(np.concatenate(first), np.concatenate(second), bounds, self.voxels)

    def _lines(self, angles: np.ndarray) -> Lines | None:
        voxels, orders, breaks = np.array(np.unravel_index(self.places, self.mask.shape)), [], []
        for angle in angles:
            axis = int(np.flatnonzero(angle)[0])
            position = voxels[axis] * angle[axis]
            start = voxels - angle[:, None] * position  # where the line crosses the plane 0 of the axis
            extent = np.ptp(start, axis=1) + 1
            line = np.ravel_multi_index(start - start.min(axis=1, keepdims=True), extent)
            step = line * (2 * self.mask.shape[axis] + 1) + position
            order = np.argsort(step)
            ordered = line[order]
            if not (ordered[1:] == ordered[:-1]).any():
                continue
            orders.append(order)
            breaks.append(np.diff(step[order], prepend=step[order[0]] - 2) != 1)
        bounds = np.arange(len(orders) + 1) * self.voxels
        return Lines(np.concatenate(orders), np.concatenate(breaks), bounds) if orders else None


def _plane(args: Mapping[str, Any]) -> tuple[bool, int]:
    return args.get("force2D", False), args.get("force2Ddimension", 0)


def by_angle(bounds: np.ndarray) -> list[slice]:
    """The part of each angle in arrays with ``bounds``."""
    return [slice(low, up) for low, up in pairwise(bounds.tolist())]
