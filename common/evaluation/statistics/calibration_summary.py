"""Numbers of a calibration: the fit on all cases, and its quality on held-out cases."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import InputError
from ...files import file_digest
from .calibration import LOG_BOUNDS, choose_threshold, cross_fit, fit_temperature, losses_over, with_temperature
from .calibration_rows import CalibrationRows
from .resampling import calibration_bins, resample_counts

__all__ = ["COVERAGES", "JudgedCalibration", "judge_calibration"]

COVERAGES = (1.0, 0.9, 0.8, 0.7, 0.6, 0.5)


@dataclass(frozen=True)
class JudgedCalibration:
    """A calibration and its evaluation.

    ``summary`` is the content of ``calibration.json``. ``probabilities``, ``[n, K]``, are calibrated with the
    temperature of the other parts, and ``counts``, ``[B, n]``, are the numbers of times that each bootstrap resample
    over subjects has each image.
    """

    summary: dict[str, Any]
    rows: CalibrationRows
    probabilities: np.ndarray
    counts: np.ndarray

    def accuracy_of_most_confident(self, coverages: Sequence[float] | np.ndarray) -> list[dict[str, Any]]:
        """Accuracy, with its interval, of each share of cases with the largest confidence."""
        confidence = self.probabilities.max(1)
        right = self.probabilities.argmax(1) == self.rows.labels
        found = []
        for coverage in coverages:
            threshold = 0.0 if coverage == 1 else float(np.quantile(confidence, 1 - coverage))
            called = confidence >= threshold
            low, high = _interval(self.counts @ (called & right), self.counts @ called, self.summary["confidence"])
            accuracy = float(right[called].mean())
            point = {"coverage": float(called.mean()), "threshold": threshold, "accuracy": accuracy}
            found.append({**point, "interval": [low, high]})
        return found


def judge_calibration(
    rows: CalibrationRows,
    target_accuracy: float | None = None,
    *,
    resamples: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
) -> JudgedCalibration:
    """Fit temperature and threshold on all cases, and evaluate both by cross-fitting.

    Errors, coverage and accuracy are computed with temperatures and thresholds fitted on the other parts
    (:func:`~common.evaluation.statistics.calibration.cross_fit`). Intervals are percentiles of a bootstrap over
    subjects, stratified by class, with these fits fixed; only for the interval of the temperature it is fitted in each
    resample, to the nearest percent. Calibration errors are biased upwards in small cohorts, and more so in resamples.

    Args:
        rows: held-out predictions.
        target_accuracy: required accuracy of the called cases; ``None`` calls all.
        resamples: number of bootstrap resamples.
        confidence: confidence level of the intervals.
        seed: random seed for the bootstrap.

    Raises:
        InputError: the cases do not determine a temperature, or no threshold reaches the accuracy.
    """
    if target_accuracy is not None and not 0 < target_accuracy <= 1:
        raise InputError(f"target_accuracy: {target_accuracy}; expected a share above 0 and up to 1; correct it")
    labels, raw = rows.labels, rows.probabilities
    temperature = fit_temperature(labels, raw)
    _check_temperature(temperature, rows)
    threshold = choose_threshold(labels, with_temperature(raw, temperature), target_accuracy)
    calibrated, called = cross_fit(labels, raw, rows.parts, target_accuracy)
    names, first, subject = np.unique(rows.subjects, return_index=True, return_inverse=True)
    counts = resample_counts(labels[first], resamples, seed)[:, subject]
    right = calibrated.argmax(1) == labels
    accuracy = float(right[called].mean()) if called.any() else None
    accuracy_interval = _interval(counts @ (called & right), counts @ called, confidence) if accuracy else None
    summary = {
        "temperature": temperature,
        "threshold": threshold,
        "target_accuracy": target_accuracy,
        "num_subjects": len(names),
        "num_images": len(labels),
        "num_classes": rows.num_classes,
        "cross_fitted_by": rows.parts_are,
        "parts": len(np.unique(rows.parts)),
        "expected_calibration_error": {"before": _error(labels, raw), "after": _error(labels, calibrated)},
        "negative_log_likelihood": {"before": _loss(labels, raw), "after": _loss(labels, calibrated)},
        "coverage": float(called.mean()),
        "accuracy": float(right.mean()),
        "accuracy_of_calls": accuracy,
        "confidence": confidence,
        "intervals": {
            "temperature": _temperature_interval(labels, raw, counts, confidence),
            "expected_calibration_error": _error_intervals(labels, raw, calibrated, counts, confidence),
            "coverage": _interval(counts @ called, counts.sum(1), confidence),
            "accuracy_of_calls": accuracy_interval,
        },
        "resamples": resamples,
        "predictions": _digests(rows.files),
    }
    return JudgedCalibration(summary, rows, calibrated, counts)


def _check_temperature(temperature: float, rows: CalibrationRows) -> None:
    low, high = np.exp(LOG_BOUNDS)
    if temperature < 1.01 * low:
        raise InputError(
            f"predictions: all {len(rows.labels)} images are right, or all but a few with low confidence, so that no "
            "temperature is too small; expected some confident errors; add subjects, or package without a calibration"
        )
    if temperature > 0.99 * high:
        raise InputError(
            f"predictions: the confidence in {len(rows.labels)} images does not depend on being right, so that no "
            "temperature is too large; expected a classifier better than chance; train it longer, or on more subjects"
        )


def _error(labels: np.ndarray, probabilities: np.ndarray) -> float:
    return float(np.abs(calibration_bins(labels, probabilities).sum(0)).sum() / len(labels))


def _loss(labels: np.ndarray, probabilities: np.ndarray) -> float:
    return float(losses_over(labels, probabilities, [0.0]).mean())


def _error_intervals(
    labels: np.ndarray, before: np.ndarray, after: np.ndarray, counts: np.ndarray, confidence: float
) -> dict[str, list[float]]:
    draws = {
        name: np.abs(counts @ calibration_bins(labels, probabilities)).sum(1) / counts.sum(1)
        for name, probabilities in (("before", before), ("after", after))
    }
    draws["difference"] = draws["after"] - draws["before"]
    return {name: _quantiles(values, confidence) for name, values in draws.items()}


def _temperature_interval(
    labels: np.ndarray, probabilities: np.ndarray, counts: np.ndarray, confidence: float
) -> list[float]:
    grid = np.arange(LOG_BOUNDS[0], LOG_BOUNDS[1] + 0.005, 0.01)
    best = (counts @ losses_over(labels, probabilities, grid)).argmin(1)
    return _quantiles(np.exp(grid[best]), confidence)


def _interval(parts: np.ndarray, wholes: np.ndarray, confidence: float) -> list[float]:
    return _quantiles(parts[wholes > 0] / wholes[wholes > 0], confidence)


def _quantiles(draws: np.ndarray, confidence: float) -> list[float]:
    return [float(value) for value in np.quantile(draws, [(1 - confidence) / 2, (1 + confidence) / 2])]


def _digests(files: Sequence[Path]) -> dict[str, str]:
    """SHA-256 of each file by its path below their common folder, without paths of this machine."""
    folder = os.path.commonpath([path.resolve().parent for path in files])
    return {os.path.relpath(path.resolve(), folder): file_digest(path, "sha256") for path in files}
