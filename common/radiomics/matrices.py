"""PyRadiomics' texture matrices of a lesion's voxels alone; its C code walks through the whole box, once per matrix."""

# names of PyRadiomics' methods
# flake8: noqa: N802

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from radiomics.base import RadiomicsFeaturesBase
from radiomics.gldm import RadiomicsGLDM
from radiomics.glrlm import RadiomicsGLRLM
from radiomics.glszm import RadiomicsGLSZM
from radiomics.ngtdm import RadiomicsNGTDM
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from .grey_levels import GreyLevels
from .neighbours import MAX_VOXELS, by_angle
from .sizes import size_features

__all__ = [
    "AllAtOnce",
    "FastDependence",
    "FastNeighbourhoodDifference",
    "FastRunLength",
    "FastSizeZone",
    "level_pairs",
    "listed",
]


class AllAtOnce(RadiomicsFeaturesBase):
    """A class of PyRadiomics whose features are measured together, or one by one by itself."""

    def measure(self) -> dict[str, Any] | None:
        """Values by name; ``None`` for PyRadiomics' own code."""
        raise NotImplementedError

    def _calculateFeatures(self, voxels: None = None) -> Iterator[tuple[bool, str, Any]]:
        values = self.measure()
        if values is None:
            yield from super()._calculateFeatures(voxels)
            return
        for name, enabled in self.enabledFeatures.items():
            if enabled and not self.featureNames[name]:  # True for deprecated ones, which have no value
                yield True, name, values[name]


class FastDependence(AllAtOnce, RadiomicsGLDM):
    """Grey level dependence matrix from the neighbours that differ by up to ``gldm_a``."""

    def measure(self) -> dict[str, Any] | None:
        """Features of the voxels by level and number of such neighbours, plus one."""
        levels: GreyLevels = self.settings["grey_levels"]
        if not listed(levels, self):
            return None
        pairs = levels.neighbourhood.pairs(self.settings, self.settings.get("distances", [1]))
        if self.gldm_a == 0:
            alike = levels.rank[pairs.first] == levels.rank[pairs.second]
        else:
            alike = np.abs(levels.values[pairs.first] - levels.values[pairs.second]) <= self.gldm_a
        size = np.bincount(pairs.first[alike], minlength=pairs.voxels)
        size += np.bincount(pairs.second[alike], minlength=pairs.voxels)
        counts, sizes = _count(levels.rank, size + 1, len(levels.present))
        names = "SmallDependence", "LargeDependence", "Dependence", ""
        return size_features(counts[None], levels.present, sizes, *names)


class FastSizeZone(AllAtOnce, RadiomicsGLSZM):
    """Grey level size zone matrix from the connected components of neighbours with the same level."""

    def measure(self) -> dict[str, Any] | None:
        """Features of the zones by level and number of voxels."""
        levels: GreyLevels = self.settings["grey_levels"]
        if not listed(levels, self):
            return None
        pairs = levels.neighbourhood.pairs(self.settings)
        neighbours = pairs.graph.indices
        alike = np.flatnonzero(np.repeat(levels.rank, pairs.forward) == levels.rank[neighbours])
        starts = np.searchsorted(alike, pairs.graph.indptr)
        graph = csr_array((np.ones(len(alike)), neighbours[alike], starts), shape=pairs.graph.shape)
        number, zone = connected_components(graph, directed=False)
        level = np.empty(number, dtype=np.intp)
        level[zone] = levels.rank
        counts, sizes = _count(level, np.bincount(zone, minlength=number), len(levels.present))
        return size_features(counts[None], levels.present, sizes, "SmallArea", "LargeArea", "SizeZone", "Zone")


class FastRunLength(AllAtOnce, RadiomicsGLRLM):
    """Grey level run length matrix from the changes of level along the lines of each angle."""

    def measure(self) -> dict[str, Any] | None:
        """Features of the runs by level and length."""
        levels: GreyLevels = self.settings["grey_levels"]
        lines = levels.neighbourhood.lines(self.settings) if listed(levels, self) else None
        if lines is None:
            return None
        level, number = levels.rank[lines.order], len(levels.present)
        starts = lines.breaks.copy()
        starts[1:] |= level[1:] != level[:-1]
        first = np.flatnonzero(starts)
        length = np.diff(first, append=len(level))
        longest = int(length.max())
        cells = level[first] * longest + length - 1
        parts = by_angle(np.searchsorted(first, lines.bounds))
        counts = np.array([np.bincount(cells[part], minlength=number * longest) for part in parts], dtype=np.float64)
        counts, sizes = counts.reshape(-1, number, longest), np.arange(1, longest + 1)
        return size_features(counts, levels.present, sizes, "ShortRun", "LongRun", "RunLength", "Run")


class FastNeighbourhoodDifference(RadiomicsNGTDM):
    """Neighbouring grey tone difference matrix from the mean level of each voxel's neighbours."""

    def _calculateMatrix(self, voxels: None = None) -> np.ndarray:
        levels: GreyLevels = self.settings["grey_levels"]
        if not listed(levels, self):
            return super()._calculateMatrix(voxels)
        pairs = levels.neighbourhood.pairs(self.settings, self.settings.get("distances", [1]))
        values = levels.values.astype(np.float64)
        mean = (pairs.graph @ values + pairs.graph.T @ values) / np.maximum(pairs.number, 1)
        difference = np.where(pairs.number > 0, np.abs(levels.values - mean), 0)  # as PyRadiomics
        sums = np.bincount(levels.rank, difference)
        return np.stack([np.bincount(levels.rank), sums, levels.present], axis=-1)[None].astype(np.float64)


def level_pairs(levels: GreyLevels, measure: RadiomicsFeaturesBase) -> np.ndarray:
    """Number of neighbours with levels i and j in the direction of each angle, ``[angle, i, j]``.

    Args:
        levels: grey levels of the lesion.
        measure: class of PyRadiomics with the settings.

    Returns:
        The matrices over the levels that occur.
    """
    pairs = levels.neighbourhood.pairs(measure.settings, measure.settings.get("distances", [1]))
    number = len(levels.present)
    cells = levels.rank[pairs.first]
    cells *= number
    cells += levels.rank[pairs.second]
    parts = [np.bincount(cells[part], minlength=number**2) for part in by_angle(pairs.bounds)]
    return np.array(parts, dtype=np.float64).reshape(-1, number, number)


def listed(levels: GreyLevels, measure: RadiomicsFeaturesBase) -> bool:
    """Whether the lesion's neighbours are listed, and its angles are not weighted."""
    return levels.neighbourhood.voxels <= MAX_VOXELS and measure.settings.get("weightingNorm") is None


def _count(level: np.ndarray, size: np.ndarray, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Number of items by level and size, ``[number, sizes]``, and the sizes that occur, as float64."""
    occurs = np.bincount(size) > 0
    sizes, column = np.flatnonzero(occurs), np.cumsum(occurs) - 1
    cells = np.bincount(level * len(sizes) + column[size], minlength=number * len(sizes))
    return cells.reshape(number, len(sizes)).astype(np.float64), sizes.astype(np.float64)
