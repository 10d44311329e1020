"""PyRadiomics' texture matrices of a lesion's voxels alone; its C code walks through the whole box, once per matrix.

The functions take PyRadiomics' settings, with ``grey_levels``, and return all features that are not deprecated by name;
``None`` where only PyRadiomics' own code gives its values.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .compiled import pyradiomics_module
from .grey_levels import GreyLevels
from .neighbours import MAX_VOXELS
from .sizes import size_features

__all__ = ["dependence", "level_pairs", "listed", "neighbourhood_difference", "run_lengths", "size_zones"]


def dependence(args: Mapping[str, Any]) -> dict[str, Any] | None:
    """Features of the number of voxels by level and number of neighbours that differ by up to ``gldm_a``, plus one."""
    levels: GreyLevels = args["grey_levels"]
    if not listed(args):
        return None
    neighbours = levels.neighbourhood.neighbours(args, args.get("distances", [1]))
    if most := args.get("gldm_a", 0):
        around = levels.around(neighbours)
        near = (np.abs(around - levels.values) <= most) & (around > 0)
    else:
        near = levels.alike(neighbours)
    size = near.sum(0, dtype=np.uint16).astype(np.intp)
    counts, sizes = _count(levels.rank, size + 1, len(levels.present))
    names = "SmallDependence", "LargeDependence", "Dependence", ""
    return size_features(counts[None], levels.present, sizes, *names)


def size_zones(args: Mapping[str, Any]) -> dict[str, Any] | None:
    """Features of the number of zones, connected neighbours of the same level, by level and number of voxels."""
    levels: GreyLevels = args["grey_levels"]
    if not listed(args):
        return None
    names = "SmallArea", "LargeArea", "SizeZone", "Zone"
    mask, voxels = levels.neighbourhood.mask, levels.neighbourhood.voxels
    if mask.ndim == 2:  # with eight neighbours PyRadiomics' search takes less than a graph of them
        count = pyradiomics_module("_cmatrices").calculate_glszm
        found = count(levels.matrix, mask, levels.number, voxels, False, 0)[0]
        sizes = np.flatnonzero(found.any(axis=0))
        return size_features(found[None, levels.present - 1][..., sizes], levels.present, sizes + 1, *names)
    from scipy.sparse import csr_array  # here, as planes do not need its memory
    from scipy.sparse.csgraph import connected_components

    neighbours = levels.neighbourhood.neighbours(args)
    alike = levels.alike(neighbours)[: len(neighbours.forward)]
    starts = np.zeros(voxels + 1, dtype=np.int32)
    np.cumsum(alike.sum(0, dtype=np.uint16), out=starts[1:])
    tails = neighbours.forward_by_voxel[np.flatnonzero(alike.T)]
    graph = csr_array((np.ones(len(tails)), tails, starts), shape=(voxels, voxels))
    number, zone = connected_components(graph, directed=False)
    level = np.empty(number, dtype=np.intp)
    level[zone] = levels.rank
    counts, sizes = _count(level, np.bincount(zone, minlength=number), len(levels.present))
    return size_features(counts[None], levels.present, sizes, *names)


def run_lengths(args: Mapping[str, Any]) -> dict[str, Any] | None:
    """Features of the number of runs by level and length, from the changes of level along the lines of each angle."""
    levels: GreyLevels = args["grey_levels"]
    if not listed(args) or not len((lines := levels.neighbourhood.lines(args)).angles):
        return None
    angles, number = len(lines.angles), len(levels.present)
    alike = levels.alike(levels.neighbourhood.neighbours(args))
    backward = alike[len(alike) // 2 :][lines.angles]
    follows = backward.ravel()[lines.places]  # whether a voxel has the level of the one before
    changes = np.flatnonzero(np.diff(follows, append=False))
    first, last = changes[::2], changes[1::2]  # of each run of several voxels
    length = last - first + 1
    longest = int(length.max(initial=1))
    cells = (first // levels.neighbourhood.voxels * number + levels.rank[lines.order[first]]) * longest + length - 1
    counts = np.bincount(cells, minlength=angles * number * longest).astype(np.float64)
    counts, sizes = counts.reshape(-1, number, longest), np.arange(1, longest + 1)
    counts[..., 0] = np.bincount(levels.rank) - counts @ sizes  # each voxel is in one run; the others are alone
    return size_features(counts, levels.present, sizes, "ShortRun", "LongRun", "RunLength", "Run")


def neighbourhood_difference(args: Mapping[str, Any]) -> dict[str, Any] | None:
    """Features of the share p of each level i and of the sum s of its voxels' distances from their neighbours' mean."""
    levels: GreyLevels = args["grey_levels"]
    if not listed(args):
        return None
    neighbours = levels.neighbourhood.neighbours(args, args.get("distances", [1]))
    mean = levels.around(neighbours).sum(0, dtype=np.int64) / np.maximum(neighbours.number, 1)
    difference = np.where(neighbours.number > 0, np.abs(levels.values - mean), 0)  # as PyRadiomics
    s, p = np.bincount(levels.rank, difference), np.bincount(levels.rank) / len(levels.rank)
    i, number, total = levels.present.astype(np.float64), len(levels.present), s.sum()
    distance = np.abs(i[:, None] - i)
    weight, weighted, sums = i * p, p * s, p[:, None] + p
    coarse, busy = weighted.sum(), np.abs(weight[:, None] - weight).sum()
    square = distance * distance
    return {
        "Busyness": coarse / busy if busy else 0.0,
        "Coarseness": 1 / coarse if coarse else 1e6,
        "Complexity": np.sum(distance * (weighted[:, None] + weighted) / sums) / len(levels.rank),
        "Contrast": p @ square @ p * total / len(levels.rank) / (number * (number - 1)) if number > 1 else 0.0,
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
    forward, number = levels.neighbourhood.neighbours(args, args.get("distances", [1])).forward, len(levels.present)
    there = np.append(levels.rank, number)[forward]  # the last column is of voxels without a neighbour
    there += levels.rank * (number + 1)
    there += np.arange(len(forward))[:, None] * (number * (number + 1))
    counts = np.bincount(there.ravel(), minlength=len(forward) * number * (number + 1))
    return counts.reshape(-1, number, number + 1)[..., :-1].astype(np.float64)


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
