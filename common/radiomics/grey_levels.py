"""Grey levels of a lesion, discretised once for all classes of features."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from .neighbours import Neighbourhood, Neighbours

__all__ = ["GreyLevels", "count_levels"]


@dataclass(frozen=True)
class GreyLevels:
    """A lesion's intensities, discretised.

    Args:
        values: level of each voxel of the lesion, from 1, in the order of NumPy, int32.
        present: levels that occur, ascending.
        rank: position of each voxel's level in ``present``.
        neighbourhood: the lesion's voxels in its box.
        intensities: intensity of each voxel of the lesion.
        voxel_volume: product of the spacings.
    """

    values: np.ndarray
    present: np.ndarray
    rank: np.ndarray
    neighbourhood: Neighbourhood
    intensities: np.ndarray
    voxel_volume: float
    _kept: dict[tuple[str, int], np.ndarray] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(
        cls,
        image: np.ndarray,
        neighbourhood: Neighbourhood,
        max_levels: int,
        args: Mapping[str, Any],
        voxel_volume: float = 1.0,
    ) -> GreyLevels:
        """Like ``imageoperations.binImage``, whose bin edges depend on the extremes alone.

        Args:
            image: (filtered) image of the box, with axes in the order of NumPy.
            neighbourhood: the lesion in the box.
            max_levels: maximum number of levels.
            args: PyRadiomics settings, of which ``binWidth`` and ``binCount`` are used.
            voxel_volume: product of the spacings.

        Raises:
            ValueError: there are too many levels, or values that are not finite.
        """
        values = image[neighbourhood.mask]
        extremes = np.array([values.min(), values.max()])
        if not np.isfinite(extremes).all():
            raise ValueError("values that are not finite")
        low, high = extremes.tolist()
        number = count_levels(low, high, args)
        if number > max_levels:
            raise ValueError(f"{number} grey levels; expected up to {max_levels}; set a larger binWidth, or binCount")
        edges = _bin_edges(extremes, args)
        levels = np.digitize(values, edges).astype(np.int32)
        occurs = np.bincount(levels) > 0
        rank = (np.cumsum(occurs) - 1)[levels]
        return cls(levels, np.flatnonzero(occurs), rank, neighbourhood, values, voxel_volume)

    @cached_property
    def matrix(self) -> np.ndarray:
        """Level of each voxel in the box; 0 outside the lesion."""
        matrix = np.zeros(self.neighbourhood.mask.shape, dtype=int)
        matrix[self.neighbourhood.mask] = self.values
        return matrix

    def around(self, neighbours: Neighbours) -> np.ndarray:
        """Levels of the neighbours of each voxel, ``[2 angles, voxels]``; 0 where a neighbour is not in the lesion."""
        return self._once("around", neighbours, lambda: np.append(self.values, np.int32(0)).take(neighbours.index))

    def alike(self, neighbours: Neighbours) -> np.ndarray:
        """Whether the neighbours of each voxel have its level, ``[2 angles, voxels]``."""
        return self._once("alike", neighbours, lambda: self.around(neighbours) == self.values)

    def _once(self, name: str, neighbours: Neighbours, compute: Callable[[], np.ndarray]) -> np.ndarray:
        """The result of ``compute``, kept for the other matrices that use the same neighbours."""
        key = name, id(neighbours)
        if key not in self._kept:
            self._kept[key] = compute()
        return self._kept[key]

    @property
    def number(self) -> int:
        """The highest level, which is the size of the matrices."""
        return int(self.present[-1])


def count_levels(low: float, high: float, args: Mapping[str, Any]) -> int:
    """Number of grey levels between two intensities with ``binWidth`` or ``binCount``."""
    width = args.get("binWidth", 25)
    return args.get("binCount") or int(high // width - low // width) + 1


def _bin_edges(extremes: np.ndarray, args: Mapping[str, Any]) -> np.ndarray:
    """``imageoperations.getBinEdges`` of PyRadiomics: its operations in its types, as rounding decides levels."""
    width, count = args.get("binWidth", 25), args.get("binCount")
    if count is not None:
        edges = np.histogram(extremes, count)[1]
        edges[-1] += 1
        return edges
    low, high = extremes
    edges = np.arange(low - low % width, high + 2 * width, width)
    return edges if len(edges) > 1 else np.array([edges[0] - 0.5, edges[0] + 0.5])
