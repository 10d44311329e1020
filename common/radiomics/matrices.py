"""PyRadiomics' texture matrices of a lesion's voxels alone; its C code walks through the whole box, once per matrix."""

# names of PyRadiomics' attributes
# flake8: noqa: N802

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from radiomics.base import RadiomicsFeaturesBase
from radiomics.gldm import RadiomicsGLDM
from radiomics.glrlm import RadiomicsGLRLM
from radiomics.glszm import RadiomicsGLSZM
from radiomics.ngtdm import RadiomicsNGTDM
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from .neighbours import MAX_VOXELS, by_angle

if TYPE_CHECKING:
    from .texture import GreyLevels

__all__ = ["FastDependence", "FastNeighbourhoodDifference", "FastRunLength", "FastSizeZone", "level_pairs"]


def level_pairs(levels: GreyLevels, measure: RadiomicsFeaturesBase) -> np.ndarray | None:
    """Number of neighbours with levels i and j in the direction of each angle, ``[angle, i, j]``.

    Args:
        levels: grey levels of the lesion.
        measure: class of PyRadiomics with the settings.

    Returns:
        The matrices over the levels that occur, or ``None`` for PyRadiomics' C code: the angles are weighted, or the
        lesion is large.
    """
    if not _listed(levels, measure):
        return None
    pairs = levels.neighbourhood.pairs(measure.settings, measure.settings.get("distances", [1]))
    number = len(levels.present)
    cells = levels.rank[pairs.first]
    cells *= number
    cells += levels.rank[pairs.second]
    parts = [np.bincount(cells[part], minlength=number**2) for part in by_angle(pairs.bounds)]
    return np.array(parts, dtype=np.float64).reshape(-1, number, number)


class FastDependence(RadiomicsGLDM):
    """Grey level dependence matrix from the neighbours that differ by up to ``gldm_a``."""

    def _calculateMatrix(self, voxels: None = None) -> np.ndarray:
        levels: GreyLevels = self.settings["grey_levels"]
        if not _listed(levels, self):
            return super()._calculateMatrix(voxels)
        pairs = levels.neighbourhood.pairs(self.settings, self.settings.get("distances", [1]))
        if self.gldm_a == 0:
            alike = levels.rank[pairs.first] == levels.rank[pairs.second]
        else:
            alike = np.abs(levels.values[pairs.first] - levels.values[pairs.second]) <= self.gldm_a
        size = np.bincount(pairs.first[alike], minlength=pairs.voxels)
        size += np.bincount(pairs.second[alike], minlength=pairs.voxels)
        matrix, sizes = _count(levels.rank, size + 1, len(levels.present))
        matrix = matrix[None]
        pd = matrix.sum(1)
        self.coefficients.update(
            Nz=pd.sum(1), pd=pd, pg=matrix.sum(2), ivector=levels.present.astype(float), jvector=sizes
        )
        return matrix


class FastSizeZone(RadiomicsGLSZM):
    """Grey level size zone matrix from the connected components of neighbours with the same level."""

    def _calculateMatrix(self, voxels: None = None) -> np.ndarray:
        levels: GreyLevels = self.settings["grey_levels"]
        if not _listed(levels, self):
            return super()._calculateMatrix(voxels)
        pairs = levels.neighbourhood.pairs(self.settings)
        neighbours = pairs.graph.indices
        alike = np.flatnonzero(np.repeat(levels.rank, pairs.forward) == levels.rank[neighbours])
        starts = np.searchsorted(alike, pairs.graph.indptr)
        graph = csr_array((np.ones(len(alike)), neighbours[alike], starts), shape=pairs.graph.shape)
        number, zone = connected_components(graph, directed=False)
        level = np.empty(number, dtype=np.intp)
        level[zone] = levels.rank
        matrix, self._sizes = _count(level, np.bincount(zone, minlength=number), len(levels.present))
        return matrix[None]

    def _calculateCoefficients(self) -> None:
        levels: GreyLevels = self.settings["grey_levels"]
        if not _listed(levels, self):
            super()._calculateCoefficients()
            return
        ps = self.P_glszm.sum(1)
        self.coefficients.update(
            Np=np.sum(ps * self._sizes, 1),
            Nz=ps.sum(1),
            ps=ps,
            pg=self.P_glszm.sum(2),
            ivector=levels.present.astype(float),
            jvector=self._sizes,
        )


class FastRunLength(RadiomicsGLRLM):
    """Grey level run length matrix from the changes of level along the lines of each angle."""

    def _calculateMatrix(self, voxels: None = None) -> np.ndarray:
        levels: GreyLevels = self.settings["grey_levels"]
        lines = levels.neighbourhood.lines(self.settings) if _listed(levels, self) else None
        if lines is None:
            return super()._calculateMatrix(voxels)
        number = len(levels.present)
        level = levels.rank[lines.order]
        starts = lines.breaks.copy()
        starts[1:] |= level[1:] != level[:-1]
        first = np.flatnonzero(starts)
        length = np.diff(first, append=len(level))
        longest = int(length.max())
        cells = level[first] * longest + length - 1
        ends = np.searchsorted(first, lines.bounds)
        parts = [np.bincount(cells[part], minlength=number * longest) for part in by_angle(ends)]
        matrix = np.stack(parts, axis=-1).reshape(1, number, longest, -1).astype(np.float64)
        self.coefficients["Nr"] = matrix.sum((1, 2))
        return matrix


class FastNeighbourhoodDifference(RadiomicsNGTDM):
    """Neighbouring grey tone difference matrix from the mean level of each voxel's neighbours."""

    def _calculateMatrix(self, voxels: None = None) -> np.ndarray:
        levels: GreyLevels = self.settings["grey_levels"]
        if not _listed(levels, self):
            return super()._calculateMatrix(voxels)
        pairs = levels.neighbourhood.pairs(self.settings, self.settings.get("distances", [1]))
        values = levels.values.astype(np.float64)
        mean = (pairs.graph @ values + pairs.graph.T @ values) / np.maximum(pairs.number, 1)
        difference = np.where(pairs.number > 0, np.abs(levels.values - mean), 0)  # as PyRadiomics
        sums = np.bincount(levels.rank, difference)
        return np.stack([np.bincount(levels.rank), sums, levels.present], axis=-1)[None].astype(np.float64)


def _listed(levels: GreyLevels, measure: RadiomicsFeaturesBase) -> bool:
    """Whether the lesion's neighbours are listed, and its angles are not weighted."""
    return levels.neighbourhood.voxels <= MAX_VOXELS and measure.settings.get("weightingNorm") is None


def _count(level: np.ndarray, size: np.ndarray, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Number of items by level and size, ``[number, sizes]``, and the sizes that occur, as float64."""
    occurs = np.bincount(size) > 0
    sizes, column = np.flatnonzero(occurs), np.cumsum(occurs) - 1
    cells = np.bincount(level * len(sizes) + column[size], minlength=number * len(sizes))
    return cells.reshape(number, len(sizes)).astype(np.float64), sizes.astype(np.float64)
