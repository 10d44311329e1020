"""Grey levels of a lesion, discretised once for all classes of features."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import SimpleITK as sitk  # noqa: N813
from radiomics import imageoperations

from .neighbours import Neighbourhood, Pairs

__all__ = ["GreyLevels", "count_levels"]


@dataclass(frozen=True)
class GreyLevels:
    """A lesion's intensities, discretised.

    Args:
        values: level of each voxel of the lesion, from 1, in the order of NumPy.
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
    _alike: dict[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def of(
        cls, image: sitk.Image, neighbourhood: Neighbourhood, max_levels: int, args: Mapping[str, Any]
    ) -> GreyLevels:
        """Like ``imageoperations.binImage``, whose bin edges depend on the extremes alone.

        Args:
            image: (filtered) image of the box.
            neighbourhood: the lesion in the box.
            max_levels: maximum number of levels.
            args: PyRadiomics settings, of which ``binWidth`` and ``binCount`` are used.

        Raises:
            ValueError: there are too many levels, or values that are not finite.
        """
        values = sitk.GetArrayViewFromImage(image)[neighbourhood.mask]
        extremes = np.array([values.min(), values.max()])
        if not np.isfinite(extremes).all():
            raise ValueError("values that are not finite")
        low, high = extremes.tolist()
        number = count_levels(low, high, args)
        if number > max_levels:
            raise ValueError(f"{number} grey levels; expected up to {max_levels}; set a larger binWidth, or binCount")
        edges = imageoperations.getBinEdges(extremes, **args)
        levels = np.digitize(values, edges)
        occurs = np.bincount(levels) > 0
        rank, volume = (np.cumsum(occurs) - 1)[levels], math.prod(image.GetSpacing())
        return cls(levels, np.flatnonzero(occurs), rank, neighbourhood, values, volume)

    @cached_property
    def matrix(self) -> np.ndarray:
        """Level of each voxel in the box; 0 outside the lesion."""
        matrix = np.zeros(self.neighbourhood.mask.shape, dtype=int)
        matrix[self.neighbourhood.mask] = self.values
        return matrix

    def alike(self, pairs: Pairs) -> np.ndarray:
        """Positions of the pairs of one level in ``pairs.graph``, found once for a matrix of zones and dependences."""
        if self._alike.get("pairs") is not pairs:
            same = self.rank[pairs.heads] == self.rank[pairs.graph.indices]
            self._alike.update(pairs=pairs, found=np.flatnonzero(same))
        return self._alike["found"]

    @property
    def number(self) -> int:
        """The highest level, which is the size of the matrices."""
        return int(self.present[-1])


def count_levels(low: float, high: float, args: Mapping[str, Any]) -> int:
    """Number of grey levels between two intensities with ``binWidth`` or ``binCount``."""
    width = args.get("binWidth", 25)
    return args.get("binCount") or int(high // width - low // width) + 1
