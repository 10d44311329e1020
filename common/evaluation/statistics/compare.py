"""Tests for differences between two methods on the same subjects."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import stats

__all__ = [
    "DeLong",
    "McNemar",
    "ResampledT",
    "combine_p_values",
    "corrected_resampled_t_test",
    "delong_test",
    "mcnemar_test",
]


class McNemar(NamedTuple):
    """Discordant subjects and two-sided p-values of McNemar's test."""

    only_first: int
    only_second: int
    p_exact: float
    p_asymptotic: float


class DeLong(NamedTuple):
    """AUC of both methods, their difference with its interval, and the two-sided p-value."""

    first: float
    second: float
    difference: float
    low: float
    high: float
    p: float


class ResampledT(NamedTuple):
    """Mean difference over folds, t statistic and two-sided p-value."""

    difference: float
    t: float
    p: float


def mcnemar_test(first_correct: np.ndarray, second_correct: np.ndarray) -> McNemar:
    """McNemar's test (1947) of two methods' right and wrong predictions for the same subjects.

    The exact p-value is binomial over the discordant subjects; the asymptotic one is chi-squared with Edwards'
    continuity correction. Use the exact one below about 25 discordant subjects.

    Args:
        first_correct: whether the first method was right, shape ``[n]``.
        second_correct: whether the second method was right, shape ``[n]``.
    """
    first_correct, second_correct = np.asarray(first_correct, dtype=bool), np.asarray(second_correct, dtype=bool)
    b, c = int(np.sum(first_correct & ~second_correct)), int(np.sum(~first_correct & second_correct))
    if b + c == 0:
        return McNemar(0, 0, 1.0, 1.0)
    statistic = max(abs(b - c) - 1, 0) ** 2 / (b + c)
    return McNemar(b, c, float(stats.binomtest(b, b + c).pvalue), float(stats.chi2.sf(statistic, df=1)))


def delong_test(
    positive: np.ndarray, first_scores: np.ndarray, second_scores: np.ndarray, confidence: float = 0.95
) -> DeLong:
    """DeLong's test (1988) of two correlated AUCs, by midranks (Sun and Xu 2014).

    Args:
        positive: whether each subject has the positive class, shape ``[n]``.
        first_scores: scores of the first method, higher for positives, shape ``[n]``.
        second_scores: scores of the second method.
        confidence: confidence level of the interval of the difference (first minus second).
    """
    positive = np.asarray(positive, dtype=bool)
    m, n = int(positive.sum()), int((~positive).sum())
    placements = [_placements(positive, np.asarray(scores, dtype=float)) for scores in (first_scores, second_scores)]
    of_positives, of_negatives = (np.stack(parts) for parts in zip(*placements, strict=True))
    first, second = (float(auc) for auc in of_positives.mean(1))
    contrast = np.array([1.0, -1.0])
    covariance = np.atleast_2d(np.cov(of_positives)) / m + np.atleast_2d(np.cov(of_negatives)) / n
    error = float(np.sqrt(max(contrast @ covariance @ contrast, 0.0)))
    difference = first - second
    if error < 1e-12:  # the same ranking of all subjects
        return DeLong(first, second, difference, difference, difference, 1.0 if difference == 0 else 0.0)
    half = float(stats.norm.ppf(0.5 + confidence / 2)) * error
    p = float(2 * stats.norm.sf(abs(difference) / error))
    return DeLong(first, second, difference, difference - half, difference + half, p)


def corrected_resampled_t_test(differences: np.ndarray, test_to_train: float) -> ResampledT:
    """Nadeau and Bengio's t-test (2003) of one metric's differences over the folds of a cross-validation.

    Training sets overlap, so the variance is enlarged from ``1/J`` to ``1/J + n_test/n_train``.

    Args:
        differences: first minus second method, one per fold, shape ``[J]`` with ``J`` of 2 or more.
        test_to_train: ratio of test to training subjects, 0.25 for five folds.
    """
    differences = np.asarray(differences, dtype=float)
    mean, variance = float(differences.mean()), float(differences.var(ddof=1))
    if variance == 0:
        return ResampledT(mean, 0.0 if mean == 0 else float(np.copysign(np.inf, mean)), float(mean == 0))
    t = mean / np.sqrt((1 / len(differences) + test_to_train) * variance)
    return ResampledT(mean, float(t), float(2 * stats.t.sf(abs(t), df=len(differences) - 1)))


def combine_p_values(p_values: np.ndarray) -> float:
    """Combine dependent p-values, such as those of several seeds: twice the median (Meinshausen et al. 2009)."""
    return float(p_values[0]) if len(p_values) == 1 else float(min(1.0, 2 * np.median(p_values)))


def _placements(positive: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Share of negatives below each positive, and share of positives above each negative."""
    ranks = stats.rankdata(scores)
    m, n = int(positive.sum()), int((~positive).sum())
    of_positives = (ranks[positive] - stats.rankdata(scores[positive])) / n
    of_negatives = 1 - (ranks[~positive] - stats.rankdata(scores[~positive])) / m
    return of_positives, of_negatives
