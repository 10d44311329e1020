"""Metrics of all methods on the same resamples of the subjects, and their differences."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ...predictions import Outcome, majority_baseline
from ...statistics.metrics import Estimate, bootstrap_metrics, estimate

__all__ = ["MAJORITY", "Difference", "Judged", "judge"]

MAJORITY = "Majority class"


class Difference(NamedTuple):
    """First minus second method: interval and two-sided p-value of the same paired resamples, so that both agree."""

    value: float
    low: float
    high: float
    p: float

    @property
    def decided(self) -> bool:
        """Whether the interval leaves 0 out."""
        return self.low > 0 or self.high < 0


@dataclass(frozen=True)
class Judged:
    """Metrics by method, that of the majority class under :data:`MAJORITY`.

    Attributes:
        points: each metric of each seed.
        draws: each metric in each resample, mean over seeds.
        confidence: confidence level of the intervals.
    """

    points: Mapping[str, Mapping[str, np.ndarray]]
    draws: Mapping[str, Mapping[str, np.ndarray]]
    confidence: float

    @property
    def methods(self) -> list[str]:
        """Names of the methods."""
        return [name for name in self.points if name != MAJORITY]

    def metric(self, method: str, name: str) -> Estimate:
        """A method's metric with its interval, without resamples of no subject that has the metric."""
        draws = self.draws[method][name]
        return estimate(self.points[method][name], draws[np.isfinite(draws)], self.confidence)

    def difference(self, first: str, second: str, name: str) -> Difference:
        """Difference of a metric.

        The p-value is twice the smaller share of the resamples on either side of 0, below ``1 - confidence`` where
        the percentile interval leaves 0 out.
        """
        draws = self.draws[first][name] - self.draws[second][name]
        draws = draws[np.isfinite(draws)]
        outer = (1 - self.confidence) / 2
        # draws themselves, not values between two: or else p may be 0.05 beside an interval without 0
        low, high = np.quantile(draws, outer, method="lower"), np.quantile(draws, 1 - outer, method="higher")
        p = min(1.0, 2 * min(np.mean(draws <= 0), np.mean(draws >= 0)))
        value = self.points[first][name].mean() - self.points[second][name].mean()
        return Difference(float(value), float(low), float(high), max(float(p), 1 / len(draws)))

    def best(self, name: str = "auc") -> str:
        """The method with the largest value of a metric."""
        return max(self.methods, key=lambda method: self.points[method][name].mean())


def judge(
    outcomes: Mapping[str, Outcome], positive: int, *, resamples: int = 2000, confidence: float = 0.95, seed: int = 0
) -> Judged:
    """Compute all metrics.

    Args:
        outcomes: predictions of each method for the same subjects, by name.
        positive: index of the positive class of two.
        resamples: number of bootstrap resamples over subjects.
        confidence: confidence level of the intervals.
        seed: random seed for the bootstrap.
    """
    first = next(iter(outcomes.values()))
    points, draws = {}, {}
    for name, outcome in {MAJORITY: majority_baseline(first), **outcomes}.items():
        points[name], draws[name] = bootstrap_metrics(
            outcome.labels,
            outcome.predictions,
            outcome.probabilities,
            outcome.scores,
            positive=positive,
            resamples=resamples,
            seed=seed,
        )
    return Judged(points, draws, confidence)
