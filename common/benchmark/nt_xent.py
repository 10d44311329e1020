"""NT-Xent as one matrix product, against MONAI's."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import torch
from monai.losses import ContrastiveLoss
from torch.profiler import ProfilerActivity, profile

from ..losses import NTXentLoss
from .turns import Clock, Spread, take_turns

__all__ = ["measure_nt_xent", "nt_xent_table", "peak_memory"]

_SPEEDUP_LIMIT = 50
_DIFFERENCE_LIMIT = 1e-5
_FEW = 16  # vectors that are enough to find where MONAI's is NaN: that depends on the temperature alone


def measure_nt_xent(
    batch_size: int = 256,
    num_features: int = 256,
    temperature: float = 0.5,
    device: str = "cpu",
    rounds: int = 5,
    steps: int = 3,
) -> dict[str, Any]:
    """Time and memory of forward and backward of both, by turns, and how far they agree.

    Args:
        batch_size: B; each loss compares 2 B vectors with 2 B.
        num_features: length of a vector.
        temperature: T.
        device: where to measure.
        rounds: how often to measure.
        steps: steps of each in a round.

    Returns:
        ``settings``, ``rounds`` (seconds per step) and ``summary``, as plain values for JSON.
    """
    generator = torch.Generator().manual_seed(0)
    views = [torch.randn(batch_size, num_features, generator=generator).to(device).requires_grad_() for _ in range(2)]
    ours, theirs = NTXentLoss(temperature), ContrastiveLoss(temperature)
    contestants = {"ours": _steps(lambda: ours(views), views), "MONAI": _steps(lambda: theirs(*views), views)}
    peaks = {name: peak_memory(lambda do_steps=do_steps: do_steps(1), device) for name, do_steps in contestants.items()}
    seconds = take_turns(contestants, rounds, steps, 1, Clock(device))
    per_step = [
        {name: t / steps for name, t in zip(seconds, row, strict=True)} for row in zip(*seconds.values(), strict=True)
    ]
    speedup = Spread.of(row["MONAI"] / row["ours"] for row in per_step)
    difference = abs(ours(views).item() - theirs(*views).item())
    summary = {
        "seconds_per_step": {name: Spread.of(row[name] for row in per_step)._asdict() for name in contestants},
        "speedup": speedup._asdict(),
        "peak_bytes": peaks,
        "memory_ratio": peaks["MONAI"] / peaks["ours"],
        "value_difference": difference,
        **_nan_temperature([view.detach()[:_FEW] for view in views]),
        "fast_enough": speedup.median >= _SPEEDUP_LIMIT,
        "equal_enough": difference <= _DIFFERENCE_LIMIT,
    }
    settings = {"batch_size": batch_size, "num_features": num_features, "temperature": temperature}
    return {"settings": settings | {"rounds": rounds, "steps": steps}, "rounds": per_step, "summary": summary}


def peak_memory(function: Callable[[], Any], device: str | torch.device) -> int:
    """Bytes that torch's allocator gives out at most while the function runs, beyond those of the start."""
    if torch.device(device).type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        start = torch.cuda.memory_allocated(device)
        function()
        return torch.cuda.max_memory_allocated(device) - start
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        function()
    with TemporaryDirectory() as folder:
        path = Path(folder) / "trace.json"
        profiler.export_chrome_trace(str(path))
        events = json.loads(path.read_text())["traceEvents"]
    changes = [event for event in events if event["name"] == "[memory]"]
    total = peak = 0
    for change in sorted(changes, key=lambda event: event["ts"]):
        total += change["args"]["Bytes"]
        peak = max(peak, total)
    return peak


def nt_xent_table(result: dict[str, Any]) -> str:
    """What :func:`measure_nt_xent` found, in lines."""
    found = result["summary"]
    settings = ", ".join(f"{name} {value}" for name, value in result["settings"].items())
    lines = [settings, ""]
    for name, seconds in found["seconds_per_step"].items():
        times = f"{seconds['median'] * 1e3:.2f} ms [{seconds['min'] * 1e3:.2f}, {seconds['max'] * 1e3:.2f}]"
        lines.append(f"{name}: {times} forward and backward, peak {found['peak_bytes'][name] / 1e6:.1f} MB")
    speed, verdicts = found["speedup"], {True: "met", False: "missed"}
    limits = f"at least {_SPEEDUP_LIMIT}: {verdicts[found['fast_enough']]}"
    lines.append(f"speedup: {speed['median']:.0f} [{speed['min']:.0f}, {speed['max']:.0f}] ({limits})")
    lines.append(f"memory ratio: {found['memory_ratio']:.0f}")
    limits = f"at most {_DIFFERENCE_LIMIT:g}: {verdicts[found['equal_enough']]}"
    lines.append(f"difference of the values: {found['value_difference']:.1e} ({limits})")
    lines.append(
        f"MONAI's is NaN at temperatures up to {found['nan_temperature']:.5f}, where ours is {found['ours']:.3f}"
    )
    return "\n".join(lines)


def _steps(loss: Callable[[], torch.Tensor], views: list[torch.Tensor]) -> Callable[[int], None]:
    def do_steps(count: int) -> None:
        for _ in range(count):
            torch.autograd.grad(loss(), views)

    return do_steps


def _nan_temperature(views: list[torch.Tensor]) -> dict[str, float]:
    """The highest temperature at which MONAI's is NaN, to five digits, and what ours is there."""
    nan, finite = 0.001, 0.5
    while finite - nan > 1e-5 * nan:
        middle = (nan + finite) / 2
        if ContrastiveLoss(middle)(*views).isnan():
            nan = middle
        else:
            finite = middle
    return {"nan_temperature": nan, "ours": NTXentLoss(nan)(views).item()}
