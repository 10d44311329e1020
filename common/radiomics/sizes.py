"""Features of matrices that count runs, zones or dependences by grey level and size, all from the same few sums."""

from __future__ import annotations

import numpy as np

__all__ = ["size_features"]


def size_features(
    counts: np.ndarray, levels: np.ndarray, sizes: np.ndarray, few: str, many: str, size: str, emphasis: str
) -> dict[str, float]:
    """Features of PyRadiomics' GLRLM, GLSZM or GLDM, which have the same formulas under different names.

    Args:
        counts: number of runs, zones or voxels by grey level and size, ``[angle, i, j]``; the features are means over
            the angles.
        levels: grey levels i.
        sizes: sizes j.
        few: prefix of the features of small sizes, e.g. ``ShortRun``.
        many: prefix of the features of large sizes, e.g. ``LongRun``.
        size: name of the size, e.g. ``RunLength``, without ``Length`` or ``Size`` in variance, entropy and percentage.
        emphasis: word between grey level and emphasis, e.g. ``Run``.

    Returns:
        Values by PyRadiomics' names.
    """
    number = counts.sum((1, 2))
    p = counts / number[:, None, None]
    pg, pr = p.sum(2), p.sum(1)  # by level and by size, for each angle
    angles = len(p)
    mean = p.sum(0) / angles
    i, j = levels.astype(float), sizes.astype(float)
    i2, j2 = i * i, j * j
    by_level, by_size = mean.sum(1), mean.sum(0)
    uniform_g, uniform_r = (pg * pg).sum(1), (pr * pr).sum(1)
    mean_g, mean_r = pg @ i, pr @ j
    cells = p[p > 0]
    low, high = (1 / i2) @ mean, i2 @ mean
    short = {"RunLength": "Run", "SizeZone": "Zone"}.get(size, size)
    return {
        f"{few}Emphasis": by_size @ (1 / j2),
        f"{many}Emphasis": by_size @ j2,
        "GrayLevelNonUniformity": uniform_g @ number / angles,
        "GrayLevelNonUniformityNormalized": uniform_g.sum() / angles,
        f"{size}NonUniformity": uniform_r @ number / angles,
        f"{size}NonUniformityNormalized": uniform_r.sum() / angles,
        f"{short}Percentage": (1 / mean_r).sum() / angles,
        "GrayLevelVariance": (pg * (i - mean_g[:, None]) ** 2).sum() / angles,
        f"{short}Variance": (pr * (j - mean_r[:, None]) ** 2).sum() / angles,
        f"{short}Entropy": -(cells @ np.log2(cells + np.spacing(1))) / angles,
        f"LowGrayLevel{emphasis}Emphasis": by_level @ (1 / i2),
        f"HighGrayLevel{emphasis}Emphasis": by_level @ i2,
        f"{few}LowGrayLevelEmphasis": low @ (1 / j2),
        f"{few}HighGrayLevelEmphasis": high @ (1 / j2),
        f"{many}LowGrayLevelEmphasis": low @ j2,
        f"{many}HighGrayLevelEmphasis": high @ j2,
    }
