"""What RE and SE add to a step of plain training."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from ignite.engine import Events

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
_BANK_LIMIT = 0.05  # of a plain step


def measure_rebalance_cost(
    build: Callable[[str, dict[str, Any], Any], BundleRun],
    rounds: int = 5,
    steps: int | None = None,
    turn: int | None = None,
    cpu_time: bool = False,
) -> dict[str, Any]:
    """Time real runs of all strategies by turns, and plain runs with the forward passes that fresh features need.

    ``fresh`` may add at most its forward passes (N for SE, m for RE, in evaluation mode), ``bank`` at most 5 % of a
    plain step. What forward passes cost is told by plain runs that do nothing but them before each step: alone, in a
    loop, they cost less, since they find their memory where the last ones left it. All runs share one cached cohort.

    Args:
        build: from a variant's name, its overrides and the dataset of the first run (or ``None``) to the run.
        rounds: how often to measure.
        steps: steps of each variant in a round; by default an epoch's.
        turn: steps before it is the next one's turn; see :func:`~.efficiency.measure_efficiency`.
        cpu_time: see :class:`~.turns.Clock`.

    Returns:
        ``settings``, ``rounds`` (seconds per step of each variant) and ``summary``, as plain values for JSON.
    """
    runs: dict[str, BundleRun] = {}
    for name, overrides in VARIANTS.items():
        runs[name] = build(name, overrides, runs["plain"].dataset if runs else None)
        if "fresh" in name:
            runs[_floor(name)] = build(_floor(name), VARIANTS["plain"], runs["plain"].dataset)
    clock = Clock(runs["plain"].trainer.state.device, cpu_time)
    steps, turn = default_steps(runs["plain"], steps, turn)
    drivers = {name: TrainerSteps(run.trainer, clock) for name, run in runs.items()}
    for name, driver in drivers.items():
        warm_up(driver, runs[name].warmup_steps, f"{name}: warm-up")
    image = first_tensor(drivers["plain"].step_and_keep()[0])
    for name in VARIANTS:
        if "fresh" in name:
            _add_forward_passes(runs[_floor(name)], runs[name], image)
    seconds = take_turns(drivers, rounds, steps, turn, clock)
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


def _add_forward_passes(plain: BundleRun, fresh: BundleRun, image: torch.Tensor) -> None:
    """Let a plain run do, before each step, the forward passes that ``fresh`` needs, and nothing else of it."""
    (handler,) = (h for h in fresh.setting("train#handlers") if isinstance(h, RebalanceHandler))
    num_samples = fresh.setting("train#sampler").num_candidates or len(image)
    passes = ForwardPasses(handler.encoder, fresh.trainer.inferer, image, num_samples)
    plain.trainer.add_event_handler(Events.ITERATION_STARTED, lambda: passes(1))


def _floor(name: str) -> str:
    return f"{name}: plain and its forward passes"


def _summary(name: str, rounds: list[dict[str, float]]) -> dict[str, Any]:
    """Shares of a plain step: all that the variant adds, its forward passes, and what is beyond their limit."""
    summary: dict[str, Any] = {
        "seconds_per_step": Spread.of(row[name] for row in rounds)._asdict(),
        "time_over_plain": Spread.of(row[name] / row["plain"] for row in rounds)._asdict(),
    }
    if name == "plain":
        return summary
    limits = [row.get(_floor(name), (1 + _BANK_LIMIT) * row["plain"]) / row["plain"] - 1 for row in rounds]
    beyond = Spread.of(row[name] / row["plain"] - 1 - limit for row, limit in zip(rounds, limits, strict=True))
    summary["limit"] = Spread.of(limits)._asdict()
    summary["beyond_limit"] = beyond._asdict()
    summary["verdict"] = "met" if beyond.median <= 0 else "within noise" if beyond.min <= 0 else "missed"
    return summary
