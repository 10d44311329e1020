"""First-order statistics from one copy of the lesion's intensities, sorted once."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from .grey_levels import GreyLevels

__all__ = ["intensity_features"]

EPS = np.spacing(1)  # PyRadiomics' constant against the logarithm of 0


def intensity_features(args: Mapping[str, Any]) -> dict[str, Any]:
    """Values by PyRadiomics' names, without its search for NaN in each feature: a lesion has none.

    Args:
        args: PyRadiomics settings, with ``grey_levels``.
    """
    levels: GreyLevels = args["grey_levels"]
    values = levels.intensities.astype(float)
    shifted = values + args.get("voxelArrayShift", 0)
    energy = shifted @ shifted
    away = values - values.mean()
    square = away * away  # numpy.power takes ten times as long as the products
    variance = square.mean()
    third, fourth = (square * away).mean(), (square * square).mean()
    ordered = np.sort(values)
    p10, p25, median, p75, p90 = (_percentile(ordered, share) for share in (0.1, 0.25, 0.5, 0.75, 0.9))
    within = ordered[np.searchsorted(ordered, p10) : np.searchsorted(ordered, p90, side="right")]
    p = np.bincount(levels.rank) / len(values)
    flat = variance == 0
    return {
        "10Percentile": p10,
        "90Percentile": p90,
        "Energy": energy,
        "Entropy": -np.sum(p * np.log2(p + EPS)),
        "InterquartileRange": p75 - p25,
        "Kurtosis": fourth if flat else fourth / variance**2,
        "Maximum": ordered[-1],
        "Mean": values.mean(),
        "MeanAbsoluteDeviation": np.abs(away).mean(),
        "Median": median,
        "Minimum": ordered[0],
        "Range": ordered[-1] - ordered[0],
        "RobustMeanAbsoluteDeviation": np.abs(within - within.mean()).mean(),
        "RootMeanSquared": np.sqrt(energy / len(values)),
        "Skewness": third if flat else third / variance**1.5,
        "TotalEnergy": energy * levels.voxel_volume,
        "Uniformity": np.sum(p**2),
        "Variance": variance,
    }


def _percentile(ordered: np.ndarray, share: float) -> float:
    """Like :func:`numpy.percentile`, of sorted values."""
    place = share * (len(ordered) - 1)
    low = int(place)
    high, weight = min(low + 1, len(ordered) - 1), place - low
    first, last = ordered[low], ordered[high]
    return first + (last - first) * weight if weight < 0.5 else last - (last - first) * (1 - weight)
