"""Vectorised metrics of thousands of bootstrap resamples."""

from __future__ import annotations

import numpy as np

__all__ = ["calibration_bins", "resample_counts", "resampled_metrics"]


def resample_counts(labels: np.ndarray, resamples: int, seed: int = 0) -> np.ndarray:
    """Number of times that each subject is drawn in each bootstrap resample, stratified by class.

    Every resample has as many subjects of each class as the cohort, so that no metric is undefined; intervals
    are conditional on the cohort's class balance.

    Args:
        labels: class of each subject, shape ``[n]``.
        resamples: number of resamples ``B``.
        seed: random seed; the same seed and labels give the same resamples, so that methods can be compared.

    Returns:
        Counts, shape ``[B, n]``.
    """
    rng = np.random.default_rng(seed)
    counts = np.zeros((resamples, len(labels)))
    for label in np.unique(labels):
        members = np.flatnonzero(labels == label)
        counts[:, members] = rng.multinomial(len(members), np.full(len(members), 1 / len(members)), size=resamples)
    return counts


def resampled_metrics(
    counts: np.ndarray, labels: np.ndarray, predictions: np.ndarray, probabilities: np.ndarray, scores: np.ndarray
) -> dict[str, np.ndarray]:
    """Metrics of each resample; the names and definitions of :func:`common.evaluation.classification_metrics`.

    Args:
        counts: result of :func:`resample_counts`, shape ``[B, n]``.
        labels: true class, shape ``[n]``.
        predictions: predicted class, shape ``[n]``.
        probabilities: class probabilities, shape ``[n, K]``.
        scores: scores for the AUC, one column per class, shape ``[n, K]``.

    Returns:
        ``recall``, ``precision`` and ``f1`` of shape ``[B, K]``, all others ``[B]``.
    """
    classes = probabilities.shape[1]
    cells = np.eye(classes**2)[labels * classes + predictions]
    confusion = (counts @ cells).reshape(-1, classes, classes)  # [B, true, predicted]
    hits = np.diagonal(confusion, axis1=1, axis2=2)
    support, predicted = confusion.sum(2), confusion.sum(1)
    total = support.sum(1)
    recall = hits / support
    f1 = 2 * hits / np.maximum(support + predicted, 1)
    return {
        "recall": recall,
        "precision": hits / np.maximum(predicted, 1),  # 0 where a class is never predicted
        "f1": f1,
        "accuracy": hits.sum(1) / total,
        "balanced_accuracy": recall.mean(1),
        "auc": np.mean([_auc(counts, labels == label, scores[:, label]) for label in range(classes)], axis=0),
        "f1_macro": f1.mean(1),
        "f1_weighted": (f1 * support).sum(1) / total,
        "calibration_error": np.abs(counts @ calibration_bins(labels, probabilities)).sum(1) / total,
        "brier": counts @ _squared_error(labels, probabilities) / total,
    }


def calibration_bins(labels: np.ndarray, probabilities: np.ndarray, bins: int = 10) -> np.ndarray:
    """Correctness minus confidence of the most probable class, in the column of its confidence's bin.

    The expected calibration error (Guo et al. 2017, eq. 3) is the sum over columns of the absolute column sums, divided
    by ``n``; ten bins of equal width. It is biased upwards in small cohorts.

    Returns:
        Shape ``[n, bins]``.
    """
    confidence = probabilities.max(1)
    gap = (probabilities.argmax(1) == labels) - confidence
    column = np.minimum((confidence * bins).astype(int), bins - 1)
    return np.eye(bins)[column] * gap[:, None]


def _squared_error(labels: np.ndarray, probabilities: np.ndarray) -> np.ndarray:
    classes = probabilities.shape[1]
    error = ((probabilities - np.eye(classes)[labels]) ** 2).sum(1)
    return error / 2 if classes == 2 else error  # binary as usual: (p - y)^2 of one class


def _auc(counts: np.ndarray, positive: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Area under the ROC by rank sums: each positive counts the negatives below it, and half of those with ties."""
    order = np.argsort(scores, kind="stable")
    starts = np.flatnonzero(np.r_[True, np.diff(scores[order]) > 0])  # first of each group of equal scores
    positives = np.add.reduceat(counts[:, order] * positive[order], starts, axis=1)
    negatives = np.add.reduceat(counts[:, order] * ~positive[order], starts, axis=1)
    below = np.cumsum(negatives, axis=1) - negatives / 2
    return (positives * below).sum(1) / (positives.sum(1) * negatives.sum(1))
