"""Temperature and threshold of calibrated probabilities, and their evaluation by cross-fitting."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

from ...errors import InputError

__all__ = ["choose_threshold", "cross_fit", "fit_temperature", "losses_over", "with_temperature"]

LOG_BOUNDS = (-3.0, 3.0)  # of log T: from 0.05 to 20; a fit at a bound did not converge
SMALLEST = float(np.finfo(np.float32).tiny)  # smaller values of a float32 softmax are rounded to 0


def fit_temperature(labels: Sequence[int] | np.ndarray, probabilities: np.ndarray) -> float:
    """The temperature with the smallest negative log-likelihood (Guo et al. 2017, section 4.2).

    The logarithms of a softmax are its logits up to a constant that cancels, so probabilities are sufficient. The loss
    has one minimum: it is convex in ``1 / T``.

    Args:
        labels: true class of each case, ``[n]``.
        probabilities: softmax of the logits, ``[n, K]``.

    Returns:
        The temperature, from 0.05 to 20.

    Example:
        >>> round(fit_temperature([0, 0, 0, 1], np.array([[0.99, 0.01]] * 4)), 2)  # three of four are right
        4.18
    """

    def loss(log_temperature: float) -> float:
        """Mean loss at a temperature."""
        return float(losses_over(labels, probabilities, [log_temperature])[:, 0].mean())

    return float(np.exp(minimize_scalar(loss, bounds=LOG_BOUNDS, method="bounded", options={"xatol": 1e-6}).x))


def losses_over(
    labels: Sequence[int] | np.ndarray, probabilities: np.ndarray, log_temperatures: Sequence[float] | np.ndarray
) -> np.ndarray:
    """Negative log-likelihood of each case at each temperature, ``[n, G]``.

    Args:
        labels: true class of each case, ``[n]``.
        probabilities: softmax of the logits, ``[n, K]``.
        log_temperatures: logarithms of ``G`` temperatures.
    """
    logits, cases = _logits(probabilities), np.arange(len(probabilities))
    losses = [-log_softmax(logits / np.exp(value), axis=1)[cases, labels] for value in log_temperatures]
    return np.stack(losses, axis=1)


def with_temperature(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Probabilities, ``[n, K]``, that :class:`~common.networks.CalibratedSoftmax` computes from the same logits."""
    return softmax(_logits(probabilities) / temperature, axis=1)


def choose_threshold(
    labels: Sequence[int] | np.ndarray, probabilities: np.ndarray, target_accuracy: float | None
) -> float:
    """The smallest confidence at which the called cases reach an accuracy.

    Cases of equal confidence are called together. The threshold is halfway to the next smaller confidence, so that
    rounding in another format of the network does not change calls.

    Args:
        labels: true class of each case, ``[n]``.
        probabilities: calibrated probabilities, ``[n, K]``.
        target_accuracy: required accuracy of the called cases; ``None`` calls all.

    Returns:
        The threshold; 0 if all cases may be called.

    Raises:
        InputError: no threshold reaches the accuracy.
    """
    if target_accuracy is None:
        return 0.0
    confidence, right = probabilities.max(1), probabilities.argmax(1) == np.asarray(labels)
    order = np.argsort(-confidence, kind="stable")
    sorted_confidence = confidence[order]
    accuracy = np.cumsum(right[order]) / np.arange(1, len(order) + 1)
    together = np.r_[np.diff(sorted_confidence) != 0, True]  # the last of each group of equal confidence
    reached = np.flatnonzero(together & (accuracy >= target_accuracy))
    if not len(reached):
        best = np.flatnonzero(together)[accuracy[together].argmax()]
        raise InputError(
            f"target_accuracy: {target_accuracy:g}; the {best + 1} most confident of {len(order)} cases reach at most "
            f"{accuracy[best]:.3f}; choose a smaller one, or train a better classifier"
        )
    last = int(reached[-1])
    return 0.0 if last == len(order) - 1 else float(sorted_confidence[last : last + 2].mean())


def cross_fit(
    labels: np.ndarray, probabilities: np.ndarray, parts: np.ndarray, target_accuracy: float | None = None
) -> tuple[np.ndarray, np.ndarray]:
    """Calibrate each part's cases with the temperature and threshold fitted on all other parts.

    Args:
        labels: true class of each case, ``[n]``.
        probabilities: softmax of the logits, ``[n, K]``.
        parts: part of each case, such as its fold, ``[n]``; at least two, without common subjects.
        target_accuracy: required accuracy of the called cases, see :func:`choose_threshold`.

    Returns:
        Calibrated probabilities, ``[n, K]``, and whether each case is called, ``[n]``; no case of a part is called if
        no threshold reaches the accuracy on the others.
    """
    calibrated, called = np.empty_like(probabilities), np.zeros(len(labels), dtype=bool)
    for part in np.unique(parts):
        here, rest = parts == part, parts != part
        temperature = fit_temperature(labels[rest], probabilities[rest])
        calibrated[here] = with_temperature(probabilities[here], temperature)
        try:
            threshold = choose_threshold(
                labels[rest], with_temperature(probabilities[rest], temperature), target_accuracy
            )
        except InputError:
            continue
        called[here] = calibrated[here].max(1) >= threshold
    return calibrated, called


def _logits(probabilities: np.ndarray) -> np.ndarray:
    return np.log(np.clip(probabilities, SMALLEST, None))
