"""Features of the grey level co-occurrence matrix with the values of PyRadiomics and far fewer operations."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from .grey_levels import GreyLevels
from .matrices import level_pairs, listed

__all__ = ["cooccurrence"]

EPS = np.spacing(1)  # PyRadiomics' constant against division by zero and the logarithm of 0
INDEPENDENT = 1e-6  # mutual information in bits below which PyRadiomics' own rounding decides (**ours**)


def cooccurrence(args: Mapping[str, Any]) -> dict[str, Any] | None:
    """Means over the angles; ``None`` if the matrix is not symmetric or there are no pairs.

    Args:
        args: PyRadiomics settings, with ``grey_levels``.
    """
    levels: GreyLevels = args["grey_levels"]
    if not (args.get("symmetricalGLCM", True) and listed(args)):
        return None
    matrix = level_pairs(args)
    pairs = matrix.sum((1, 2), keepdims=True)
    matrix, pairs = (part if pairs.all() else part[pairs.ravel() > 0] for part in (matrix, pairs))
    if not len(matrix):
        return None
    matrix = matrix + matrix.transpose(0, 2, 1)
    matrix /= 2 * pairs
    return _features(matrix, levels.present)


def _features(p: np.ndarray, present: np.ndarray) -> dict[str, Any]:
    """PyRadiomics' features of symmetric matrices, means over the angles.

    Features that depend only on i + j or |i - j| are sums over the histograms p_{x+y} and p_{x-y} (Haralick et al.
    1973, appendix), of length 2 Ng instead of Ng^2. The others are sums over the levels, or over the cells above 0.

    Args:
        p: co-occurrence matrices of levels that occur, each with the sum 1, ``[angle, i, j]``.
        present: grey levels that occur.

    Returns:
        Values by PyRadiomics' names.
    """
    angles, number, highest = len(p), len(present), int(present[-1])
    cells = np.flatnonzero(p)
    values = p.ravel()[cells]
    angle, cell = np.divmod(cells, number**2)
    levels, px = present.astype(float), p.sum(2)
    mean = px @ levels
    variance = np.sum(px * (levels - mean[:, None]) ** 2, 1)
    near = np.round(levels.mean())  # smaller numbers have smaller rounding errors
    product = np.multiply.outer(levels - near, levels - near).ravel()[cell]
    covariance = np.bincount(angle, values * product, angles) - (mean - near) ** 2

    def histogram(bins: np.ndarray, size: int) -> np.ndarray:
        """Counts of each bin for each angle."""
        return np.bincount(angle * size + bins.ravel()[cell], values, angles * size).reshape(angles, size)

    total = histogram(np.add.outer(present, present) - 2, 2 * highest - 1)
    difference = histogram(np.abs(np.subtract.outer(present, present)), highest)
    sums, k = np.arange(2.0, 2 * highest + 1), np.arange(float(highest))
    away = sums - 2 * mean[:, None]
    spread = difference.mean(0)
    joint = -np.bincount(angle, values * np.log2(values + EPS), angles)
    information = _information(px, joint)
    if (information[1] <= INDEPENDENT).any():
        information = _information_as_rounded(p)
    apart = difference @ k
    return {
        "Autocorrelation": np.mean(covariance + mean**2),
        "ClusterProminence": np.mean(np.sum(total * away**4, 1)),
        "ClusterShade": np.mean(np.sum(total * away**3, 1)),
        "ClusterTendency": np.mean(np.sum(total * away**2, 1)),
        "Contrast": spread @ k**2,
        "Correlation": np.mean(np.where(variance == 0, 1, covariance / (variance + EPS))),
        "DifferenceAverage": spread @ k,
        "DifferenceEntropy": _entropy(difference),
        "DifferenceVariance": np.mean(np.sum(difference * (k - apart[:, None]) ** 2, 1)),
        "Id": spread @ (1 / (1 + k)),
        "Idm": spread @ (1 / (1 + k**2)),
        "Idmn": spread @ (1 / (1 + k**2 / highest**2)),
        "Idn": spread @ (1 / (1 + k / highest)),
        "Imc1": np.mean(information[0]),
        "Imc2": _second_measure(information[1]),
        "InverseVariance": spread[1:] @ (1 / k[1:] ** 2),
        "JointAverage": np.mean(mean),
        "JointEnergy": values @ values / angles,
        "JointEntropy": np.mean(joint),
        "MCC": np.mean(_maximal_correlations(p)),
        "MaximumProbability": np.mean(p.max((1, 2))),
        "SumAverage": total.mean(0) @ sums,
        "SumEntropy": _entropy(total),
        "SumSquares": np.mean(variance),
    }


def _entropy(histograms: np.ndarray) -> float:
    return -np.sum(histograms * np.log2(histograms + EPS)) / len(histograms)


def _information(px: np.ndarray, joint: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Information measures of correlation: (HXY - HXY1) / HX, and HXY2 - HXY, for each angle.

    HXY1 and HXY2 are sums of -log2(px py + eps) over all cells, weighted with p and with px py. As log2(x + eps) is
    log2 x + eps / (x ln 2) for a small eps, both are twice the entropy of px but for terms of eps, here those of HXY2.
    """
    entropy = -np.sum(px * np.log2(np.where(px > 0, px, 1)), 1)
    information = 2 * entropy - np.count_nonzero(px, axis=1) ** 2 * EPS / math.log(2) - joint
    return np.divide(-information, entropy, out=np.zeros_like(entropy), where=entropy > 0), information


def _information_as_rounded(p: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The same of nearly independent levels, or of one: PyRadiomics' sums in its order, whose rounding decides."""
    p = np.ascontiguousarray(p.transpose(1, 2, 0))[None]
    px, py = p.sum(2, keepdims=True), p.sum(1, keepdims=True)
    joint = -np.sum(p * np.log2(p + EPS), (1, 2))[0]
    apart, independent = (-np.sum(weight * np.log2(px * py + EPS), (1, 2))[0] for weight in (p, px * py))
    entropy = np.fmax(*(-np.sum(part * np.log2(part + EPS), (1, 2))[0] for part in (px, py)))
    first = np.divide(joint - apart, entropy, out=np.zeros_like(entropy), where=entropy != 0)
    return first, independent - joint


def _second_measure(information: np.ndarray) -> float:
    """The mean of the second measure; PyRadiomics leaves out angles where rounding makes it imaginary."""
    real = information[information >= 0]
    return float(np.mean((1 - np.exp(-2 * real)) ** 0.5)) if len(real) else math.nan


def _maximal_correlations(p: np.ndarray) -> np.ndarray:
    """Square roots of the second largest eigenvalues of Q (Haralick's 14th feature) for symmetric matrices.

    PyRadiomics' Q is A p with A = p / (px py + eps), cell by cell. Both are symmetric, so with D = diag(px) it is
    similar to (D^1/2 A D^1/2)(D^-1/2 p D^-1/2), two symmetric matrices that differ by factors 1 - eps / (px py). Their
    geometric mean, cell by cell, is M = p / sqrt(px py + eps), and the eigenvalues of M^2 are those of Q up to the
    square of that small difference: the first order cancels.

    Args:
        p: co-occurrence matrices, shape ``[angle, i, j]``.

    Returns:
        One value per angle; 1 for a single level.
    """
    if p.shape[1] < 2:
        return np.ones(len(p))
    marginal = p.sum(2)
    m = marginal[:, :, None] * marginal[:, None, :]
    m += EPS
    values = np.linalg.eigvalsh(np.divide(p, np.sqrt(m, out=m), out=m))
    return np.sort(np.abs(values), axis=1)[:, -2]
