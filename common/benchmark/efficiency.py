"""Speed of a training run relative to its bare network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch

from .bundle_run import BundleRun
from .steps import BareSteps, TrainerSteps
from .turns import Clock, Spread, take_turns

__all__ = ["measure_efficiency", "warm_up"]


def measure_efficiency(
    run: BundleRun,
    plain: BundleRun | None = None,
    rounds: int = 5,
    steps: int | None = None,
    turn: int | None = None,
    cpu_time: bool = False,
) -> dict[str, Any]:
    """Samples per second of a real training run relative to its bare network, in each round.

    The time of the run includes loading from the cache, collating, RE/SE, augmentation, the step, all handlers, the
    restart of the loader, and at the end of each epoch metrics, logs and the checkpoint on disk. It does not include
    start-up (preprocessing into the cache, warm-up epochs) and the final ``model.pt``. The time of the bare network is
    forward, loss, backward and optimizer step under the run's autocast, on a batch that the run trained on, already
    augmented and on the device. Both count the samples of a training step: with SE, the m selected ones.

    Args:
        run: training run to measure.
        plain: the same run without RE/SE, to measure their cost separately.
        rounds: number of measurements.
        steps: number of steps in a round; by default those of an epoch, so that each round has one end of an epoch.
        turn: number of consecutive steps of each contestant; by default 1 on a CPU, and the whole round on a GPU, which
            is synchronised at the end of each turn.
        cpu_time: whether to measure CPU time, see :class:`~.turns.Clock`.

    Returns:
        ``settings``, ``rounds`` and ``summary``, as plain values for JSON.
    """
    clock = Clock(run.trainer.state.device, cpu_time)
    runs = {"run": run} if plain is None else {"run": run, "plain": plain}
    steps, turn = default_steps(run, steps, turn)
    drivers = {name: TrainerSteps(each.trainer, clock) for name, each in runs.items()}
    for name, driver in drivers.items():
        warm_up(driver, runs[name].warmup_steps, f"{name}: warm-up")
    bare = BareSteps(run.trainer, *drivers["run"].step_and_keep())
    bare(2)  # the first steps allocate memory and choose kernels
    before = len(drivers["run"].epoch_ends)
    seconds = take_turns({**drivers, "bare": bare}, rounds, steps, turn, clock)
    epoch_ends = drivers["run"].epoch_ends[before:]
    for driver in drivers.values():
        driver.finish()
    image = first_tensor(bare.inputs)
    return {
        "settings": {"rounds": rounds, "steps": steps, "turn": turn, "cpu_time": cpu_time, **describe_step(run, image)},
        "rounds": _rounds(seconds, steps * len(image)),
        "summary": _summary(seconds, steps * len(image), epoch_ends),
    }


def warm_up(driver: TrainerSteps, num_steps: int, title: str) -> None:
    """Do ``num_steps`` untimed steps with a progress bar."""
    take_turns({title: driver}, 1, num_steps, 1, driver.clock, title)


def default_steps(run: BundleRun, steps: int | None, turn: int | None) -> tuple[int, int]:
    """Steps of a round and of a turn, with defaults for ``None``."""
    steps = steps or run.trainer.state.epoch_length
    return steps, turn or (steps if run.trainer.state.device.type == "cuda" else 1)


def first_tensor(inputs: Any) -> torch.Tensor:
    """The batch, or the first of its views."""
    if isinstance(inputs, torch.Tensor):
        return inputs
    return first_tensor(next(iter(inputs.values())) if isinstance(inputs, Mapping) else inputs[0])


def describe_step(run: BundleRun, image: torch.Tensor) -> dict[str, Any]:
    """Properties of a step, as plain values."""
    inferer = run.trainer.inferer
    return {
        "batch_shape": list(image.shape),
        "autocast": str(inferer.dtype) if getattr(inferer, "enabled", False) else None,
        "channels_last": image.ndim == 5 and image.is_contiguous(memory_format=torch.channels_last_3d),
        "device": str(image.device),
        "steps_per_epoch": run.trainer.state.epoch_length,
        **{name: run.setting(name) for name in ("strategy", "features", "num_workers") if name in run.parser},
    }


def _rounds(seconds: dict[str, list[float]], samples: int) -> list[dict[str, Any]]:
    """One entry per round: seconds and samples per second of each contestant, and the ratios."""
    rounds = []
    for times in (dict(zip(seconds, values, strict=True)) for values in zip(*seconds.values(), strict=True)):
        row: dict[str, Any] = {name: {"seconds": t, "samples_per_second": samples / t} for name, t in times.items()}
        row["efficiency"] = times["bare"] / times["run"]
        if "plain" in times:
            row["efficiency_of_plain"] = times["bare"] / times["plain"]
            row["time_over_plain"] = times["run"] / times["plain"]
        rounds.append(row)
    return rounds


def _summary(seconds: dict[str, list[float]], samples: int, epoch_ends: list[float]) -> dict[str, Any]:
    rows = _rounds(seconds, samples)
    ratios = [name for name in ("efficiency", "efficiency_of_plain", "time_over_plain") if name in rows[0]]
    summary: dict[str, Any] = {name: Spread.of(row[name] for row in rows)._asdict() for name in ratios}
    summary["samples_per_second"] = {
        name: Spread.of(row[name]["samples_per_second"] for row in rows)._asdict() for name in seconds
    }
    within = sum(seconds["run"]) - sum(epoch_ends)
    summary["epoch_ends"] = {"count": len(epoch_ends), "seconds": epoch_ends}
    summary["efficiency_without_epoch_ends"] = sum(seconds["bare"]) / within
    return summary
