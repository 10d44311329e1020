"""PyRadiomics' texture matrices of a lesion's voxels alone; its C code walks through the whole box, once per matrix."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from radiomics.gldm import RadiomicsGLDM
from radiomics.glrlm import RadiomicsGLRLM
from radiomics.glszm import RadiomicsGLSZM
from radiomics.ngtdm import RadiomicsNGTDM
from scipy.sparse import csr_array
from scipy.sparse.csgraph import connected_components

from .all_at_once import AllAtOnce
from .grey_levels import GreyLevels
from .neighbours import MAX_VOXELS, by_angle
from .sizes import size_features

__all__ = ["FastDependence", "FastNeighbourhoodDifference", "FastRunLength", "FastSizeZone", "level_pairs", "listed"]


class FastDependence(AllAtOnce, RadiomicsGLDM):
    """Grey level dependence matrix from the neighbours that differ by up to ``gldm_a``."""

    @classmethod
    def measure(cls, args: Mapping[str, Any]) -> dict[str, Any] | None:
        """Features of the voxels by level and number of such neighbours, plus one."""
        levels: GreyLevels = args["grey_levels"]
        if not listed(args):
            return None
        pairs = levels.neighbourhood.pairs(args, args.get("distances", [1]))
        if (most := args.get("gldm_a", 0)) == 0:
            first, second = pairs.heads, pairs.graph.indices
            alike = levels.alike(pairs)
        else:
            first, second = pairs.first, pairs.second
            alike = np.flatnonzero(np.abs(levels.values[first] - levels.values[second]) <= most)
        size = np.bincount(first[alike], minlength=pairs.voxels)
        size += np.bincount(second[alike], minlength=pairs.voxels)
        counts, sizes = _count(levels.rank, size + 1, len(levels.present))
        names = "SmallDependence", "LargeDependence", "Dependence", ""
        return size_features(counts[None], levels.present, sizes, *names)


class FastSizeZone(AllAtOnce, RadiomicsGLSZM):
    """Grey level size zone matrix from the connected components of neighbours with the same level."""

    @classmethod
    def measure(cls, args: Mapping[str, Any]) -> dict[str, Any] | None:
        """Features of the zones by level and number of voxels."""
        levels: GreyLevels = args["grey_levels"]
        if not listed(args):
            return None
        pairs = levels.neighbourhood.pairs(args)
        neighbours, alike = pairs.graph.indices, levels.alike(pairs)
        starts = np.searchsorted(alike, pairs.graph.indptr)
        graph = csr_array((np.ones(len(alike)), neighbours[alike], starts), shape=pairs.graph.shape)
        number, zone = connected_components(graph, directed=False)
        level = np.empty(number, dtype=np.intp)
        level[zone] = levels.rank
        counts, sizes = _count(level, np.bincount(zone, minlength=number), len(levels.present))
        return size_features(counts[None], levels.present, sizes, "SmallArea", "LargeArea", "SizeZone", "Zone")


class FastRunLength(AllAtOnce, RadiomicsGLRLM):
    """Grey level run length matrix from the changes of level along the lines of each angle."""

    @classmethod
    def measure(cls, args: Mapping[str, Any]) -> dict[str, Any] | None:
        """Features of the runs by level and length."""
        levels: GreyLevels = args["grey_levels"]
        lines = levels.neighbourhood.lines(args) if listed(args) else None
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


class FastNeighbourhoodDifference(AllAtOnce, RadiomicsNGTDM):
    """Neighbouring grey tone difference matrix from the mean level of each voxel's neighbours."""

    @classmethod
    def measure(cls, args: Mapping[str, Any]) -> dict[str, Any] | None:
        """Features of the share p of each level i and of the sum s of its voxels' distances from their neighbours."""
        levels: GreyLevels = args["grey_levels"]
        if not listed(args):
            return None
        pairs = levels.neighbourhood.pairs(args, args.get("distances", [1]))
        values = levels.values.astype(np.float64)
        mean = (pairs.graph @ values + pairs.backward @ values) / np.maximum(pairs.number, 1)
        difference = np.where(pairs.number > 0, np.abs(values - mean), 0)  # as PyRadiomics
        s, p = np.bincount(levels.rank, difference), np.bincount(levels.rank) / len(values)
        i, number, total = levels.present.astype(np.float64), len(levels.present), s.sum()
        distance = np.abs(i[:, None] - i)
        weight, weighted, sums = i * p, p * s, p[:, None] + p
        coarse, busy = weighted.sum(), np.abs(weight[:, None] - weight).sum()
        square = distance * distance
        return {
            "Busyness": coarse / busy if busy else 0.0,
            "Coarseness": 1 / coarse if coarse else 1e6,
            "Complexity": np.sum(distance * (weighted[:, None] + weighted) / sums) / len(values),
            "Contrast": p @ square @ p * total / len(values) / (number * (number - 1)) if number > 1 else 0.0,
            "Strength": np.sum(sums * square) / total if total else 0.0,
        }


def level_pairs(args: Mapping[str, Any]) -> np.ndarray:
    """Number of neighbours with levels i and j in the direction of each angle, ``[angle, i, j]``.

    Args:
        args: PyRadiomics settings, with ``grey_levels``.

    Returns:
        The matrices over the levels that occur.
    """
    levels: GreyLevels = args["grey_levels"]
    pairs = levels.neighbourhood.pairs(args, args.get("distances", [1]))
    number = len(levels.present)
    cells = levels.rank[pairs.first]
    cells *= number
    cells += levels.rank[pairs.second]
    parts = [np.bincount(cells[part], minlength=number**2) for part in by_angle(pairs.bounds)]
    return np.array(parts, dtype=np.float64).reshape(-1, number, number)


def listed(args: Mapping[str, Any]) -> bool:
    """Whether the lesion's neighbours are listed, and its angles are not weighted."""
    levels: GreyLevels = args["grey_levels"]
    return levels.neighbourhood.voxels <= MAX_VOXELS and args.get("weightingNorm") is None


def _count(level: np.ndarray, size: np.ndarray, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Number of items by level and size, ``[number, sizes]``, and the sizes that occur, as float64."""
    occurs = np.bincount(size) > 0
    sizes, column = np.flatnonzero(occurs), np.cumsum(occurs) - 1
    cells = np.bincount(level * len(sizes) + column[size], minlength=number * len(sizes))
    return cells.reshape(number, len(sizes)).astype(np.float64), sizes.astype(np.float64)
