"""The time that is left, by the pace at which the stages of a study have run so far."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

__all__ = ["Pace"]

PRIOR = 60.0  # seconds of estimate that weigh as much as what was measured


class Pace:
    """Seconds that each stage took for each estimated second.

    A plan's estimate is of an idle machine, and of three steps. Other load, or a cohort whose other images are larger,
    makes some stages slower than others, so each stage has a pace of its own, which is that of all stages until it has
    run for a while.

    Example:
        >>> pace = Pace()
        >>> pace.add("pre-training", took=600.0, expected=300.0)
        >>> round(pace.left({"pre-training": 300.0}))
        592
    """

    def __init__(self) -> None:
        self._took: defaultdict[str, float] = defaultdict(float)
        self._expected: defaultdict[str, float] = defaultdict(float)

    def add(self, stage: str, took: float = 0.0, expected: float = 0.0) -> None:
        """Note what a part of a stage took, and what the estimate was for it.

        Args:
            stage: name of the stage.
            took: seconds that have passed.
            expected: estimated seconds of what is done in them.
        """
        self._took[stage] += took
        self._expected[stage] += expected

    def left(self, remaining: Mapping[str, float]) -> float:
        """Seconds that are left.

        Args:
            remaining: estimated seconds of what is not done, by stage.
        """
        overall = (sum(self._took.values()) + PRIOR) / (sum(self._expected.values()) + PRIOR)
        return sum(
            seconds * (self._took[stage] + PRIOR * overall) / (self._expected[stage] + PRIOR)
            for stage, seconds in remaining.items()
        )
