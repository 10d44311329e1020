"""Estimated time of a study, and epochs and methods that fit a budget."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from .measurement import StageCost

__all__ = ["Fitted", "Stage", "duration_text", "fit_budget", "read_duration", "total_seconds"]

LEAST_EPOCHS = 3
RESERVE = 0.2  # of a budget that is left for what was not measured
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}  # seconds
FORWARD = 0.4  # of the seconds of a step: evaluation and validation of as many images


@dataclass(frozen=True)
class Stage:
    """A kind of run in a study.

    Args:
        what: words for a table.
        kind: "pretrain", "train" or "other".
        methods: rows of the comparison that need it.
        runs: number of runs in the comparison.
        final_runs: number of runs for the final model, if one of the methods is chosen.
        images: number of images of a run.
        final_images: number of images of a run for the final model, which holds out none.
        evaluated: number of images that are predicted after a run.
        validated: number of images that are predicted after each epoch.
        epochs: number of epochs.
        cost: measured costs; ``None`` where ``seconds`` says all.
        seconds: seconds of a run of kind "other".
    """

    what: str
    kind: str
    methods: frozenset[str]
    runs: int
    final_runs: int = 0
    images: int = 0
    final_images: int = 0
    evaluated: int = 0
    validated: int = 0
    epochs: int = 0
    cost: StageCost | None = None
    seconds: float = 0.0

    def final_run(self) -> float:
        """Seconds of a run for the final model."""
        return replace(self, images=self.final_images, evaluated=0, validated=0).one_run()

    def one_run(self) -> float:
        """Seconds of a run of the comparison."""
        if self.cost is None:
            return self.seconds
        steps = math.ceil(self.images / max(self.cost.images, 1))
        forward = FORWARD * self.cost.step / max(self.cost.images, 1)
        epoch = steps * self.cost.step + self.cost.epoch_end + self.validated * forward
        read = (self.images + self.validated + self.evaluated) * self.cost.load
        return self.cost.setup + read + self.epochs * epoch + self.evaluated * forward


@dataclass(frozen=True)
class Fitted:
    """What fits a budget.

    Attributes:
        methods: rows that are left.
        dropped: rows that are left out, each with the seconds of the shortest study that has it, all rows before it in
            their order of value, and those that are left.
        epochs: epochs by kind of stage.
        seconds: estimated seconds of the whole study.
        fits: whether that is within the budget.
    """

    methods: tuple[str, ...]
    dropped: Mapping[str, float]
    epochs: Mapping[str, int]
    seconds: float
    fits: bool


def total_seconds(stages: Sequence[Stage], methods: Sequence[str]) -> float:
    """Seconds of the comparison of these methods and of the costliest final model among them."""
    needed = [stage for stage in stages if stage.methods & set(methods) or not stage.methods]
    compared = sum(stage.runs * stage.one_run() for stage in needed)
    finals = (
        sum(stage.final_runs * stage.final_run() for stage in needed if name in stage.methods) for name in methods
    )
    final = max(finals, default=0.0)
    return compared + final


def fit_budget(
    stages: Sequence[Stage], methods: Sequence[str], seconds: float | None, kept: Sequence[str] = ()
) -> Fitted:
    """Shorten the trainings, then leave out methods, until a study fits.

    All epochs are shortened by the same factor, to three at least: so the methods keep the proportion of their budgets.
    Then methods are left out, the last ones first, but for those to keep: without a baseline and the method in question
    there is no conclusion.

    Args:
        stages: stages of all methods with their full epochs.
        methods: rows in the order of their value.
        seconds: budget for the stages; ``None`` for the full epochs.
        kept: rows that always stay; by default the first two.
    """
    full = {stage.kind: stage.epochs for stage in stages if stage.epochs}
    if seconds is None:
        return Fitted(tuple(methods), {}, full, total_seconds(stages, methods), True)
    kept = kept or methods[:2]
    further = [name for name in methods if name not in kept]
    for number in range(len(further), -1, -1):
        left = [name for name in methods if name in kept or name in further[:number]]
        for epochs in _shorter(full):
            needed = total_seconds(_with_epochs(stages, epochs), left)
            least = all(value <= LEAST_EPOCHS for value in epochs.values())
            if needed <= seconds or (least and number == 0):
                dropped = dict(_shortest(stages, methods, left, epochs))
                return Fitted(tuple(left), dropped, epochs, needed, needed <= seconds)
    raise AssertionError("the shortest study is returned above")


def _shortest(
    stages: Sequence[Stage], methods: Sequence[str], left: Sequence[str], epochs: Mapping[str, int]
) -> Iterator[tuple[str, float]]:
    """Each row that is left out, with the seconds of the shortest study up to it."""
    least = _with_epochs(stages, {kind: min(LEAST_EPOCHS, value) for kind, value in epochs.items()})
    for place, name in enumerate(methods):
        if name not in left:
            wanted = [each for each in methods if each in left or each in methods[: place + 1]]
            yield name, total_seconds(least, wanted)


def _with_epochs(stages: Sequence[Stage], epochs: Mapping[str, int]) -> list[Stage]:
    return [replace(stage, epochs=epochs.get(stage.kind, stage.epochs)) for stage in stages]


def _shorter(full: Mapping[str, int]) -> Iterator[dict[str, int]]:
    """Epochs from the full ones down to the least, in steps of 5 %."""
    factor = 1.0
    before: dict[str, int] = {}
    while True:
        epochs = {kind: max(min(LEAST_EPOCHS, value), round(value * factor)) for kind, value in full.items()}
        if epochs != before:
            yield epochs
        if all(epochs[kind] <= LEAST_EPOCHS for kind in full):
            return
        before, factor = epochs, factor * 0.95


def read_duration(text: str) -> float:
    """Seconds of a duration such as ``90s``, ``30m``, ``2h`` or ``1.5d``.

    Raises:
        ValueError: it is no positive duration, or has no unit: 5 may be minutes or hours.
    """
    if (unit := text[-1:].lower()) not in _UNITS:
        raise ValueError(text)
    value = float(text[:-1]) * _UNITS[unit]
    if not (value > 0 and math.isfinite(value)):
        raise ValueError(text)
    return value


def duration_text(seconds: float) -> str:
    """A duration as :func:`read_duration` reads it, in the largest unit of which it is a multiple.

    Example:
        >>> duration_text(7200), duration_text(5400)
        ('2h', '90m')
    """
    unit = next((unit for unit, size in reversed(_UNITS.items()) if seconds % size == 0), "s")
    return f"{seconds / _UNITS[unit]:g}{unit}"
