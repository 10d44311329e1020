"""Cost of RE and SE relative to a step of plain training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..handlers import RebalanceHandler
from .bundle_run import BundleRun
from .efficiency import default_steps, describe_step, first_tensor, warm_up
from .steps import ForwardPasses, TrainerSteps
from .turns import Clock, Spread, take_turns

__all__ = ["VARIANTS", "measure_rebalance_cost"]

VARIANTS = {
    "plain": {"strategy": "plain", "features": "fresh"},
    "re fresh": {"strategy": "re", "features": "fresh"},
    "re bank": {"strategy": "re", "features": "bank"},
    "se fresh": {"strategy": "se", "features": "fresh"},
    "se bank": {"strategy": "se", "features": "bank"},
}
_BANK_LIMIT = 0.05  # relative to a plain step


def measure_rebalance_cost(
    build: Callable[[str, dict[str, Any], Any], BundleRun],
    rounds: int = 5,
    steps: int | None = None,
    turn: int | None = None,
    cpu_time: bool = False,
) -> dict[str, Any]:
    """Time real runs of all strategies in turns, and separately the forward passes that fresh features need.

    ``fresh`` may add at most its forward passes (N for SE, m for RE, in evaluation mode), ``bank`` at most 5 % of a
    plain step. All runs share one cached cohort.

    Args:
        build: function of the name of a variant, its overrides and the dataset of the first run (or ``None``), which
            returns the run.
        rounds: number of measurements.
        steps: number of steps of each variant in a round; by default those of an epoch.
        turn: number of consecutive steps of each variant, see :func:`~.efficiency.measure_efficiency`.
        cpu_time: whether to measure CPU time, see :class:`~.turns.Clock`.

    Returns:
        ``settings``, ``rounds`` (seconds per step of each variant) and ``summary``, as plain values for JSON.
    """
    runs: dict[str, BundleRun] = {}
    for name, overrides in VARIANTS.items():
        runs[name] = build(name, overrides, runs["plain"].dataset if runs else None)
    clock = Clock(runs["plain"].trainer.state.device, cpu_time)
    steps, turn = default_steps(runs["plain"], steps, turn)
    drivers = {name: TrainerSteps(run.trainer, clock) for name, run in runs.items()}
    for name, driver in drivers.items():
        warm_up(driver, runs[name].warmup_steps, f"{name}: warm-up")
    image = first_tensor(drivers["plain"].step_and_keep()[0])
    floors = {name: _forward_passes(runs[name], image) for name in ("re fresh", "se fresh")}
    contestants: dict[str, Callable[[int], None]] = {**drivers}
    contestants |= {_floor(name): floor for name, floor in floors.items()}
    seconds = take_turns(contestants, rounds, steps, turn, clock)
    for driver in drivers.values():
        driver.finish()
    per_step = [
        dict(zip(seconds, [t / steps for t in row], strict=True)) for row in zip(*seconds.values(), strict=True)
    ]
    settings = {"rounds": rounds, "steps": steps, "turn": turn, "cpu_time": cpu_time}
    return {
        "settings": settings | describe_step(runs["plain"], image),
        "rounds": per_step,
        "summary": {name: _summary(name, per_step) for name in VARIANTS},
    }


def _forward_passes(run: BundleRun, image: Any) -> ForwardPasses:
    (handler,) = (h for h in run.setting("train#handlers") if isinstance(h, RebalanceHandler))
    num_samples = run.setting("train#sampler").num_candidates or len(image)
    return ForwardPasses(handler.encoder, run.trainer.inferer, image, num_samples)


def _floor(name: str) -> str:
    return f"{name}: forward passes"


def _summary(name: str, rounds: list[dict[str, float]]) -> dict[str, Any]:
    """Relative to a plain step: the time added by the variant, its limit, and the time beyond the limit."""
    summary: dict[str, Any] = {
        "seconds_per_step": Spread.of(row[name] for row in rounds)._asdict(),
        "time_over_plain": Spread.of(row[name] / row["plain"] for row in rounds)._asdict(),
    }
    if name == "plain":
        return summary
    limits = [row.get(_floor(name), _BANK_LIMIT * row["plain"]) / row["plain"] for row in rounds]
    beyond = Spread.of(row[name] / row["plain"] - 1 - limit for row, limit in zip(rounds, limits, strict=True))
    summary["limit"] = Spread.of(limits)._asdict()
    summary["beyond_limit"] = beyond._asdict()
    summary["verdict"] = "met" if beyond.median <= 0 else "within noise" if beyond.min <= 0 else "missed"
    return summary
