"""Full softmax over a memory bank, against noise-contrastive estimation from a sample of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch.nn.functional import normalize

from ..handlers import MemoryBank
from ..losses import FeatureCorrespondenceLoss
from ..transforms.draw import rand_rows
from .nt_xent import peak_memory
from .turns import Clock, Spread, take_turns

__all__ = ["GatherNCE", "measure_memory_bank", "memory_bank_table"]

_FULL, _GATHER, _COLUMNS = "full softmax", "NCE, rows gathered", "NCE, scores gathered"
_SPEEDUP_LIMIT = 20
_DIFFERENCE_LIMIT = 1e-5  # of the value


class GatherNCE:
    """CMC's loss as CMC computes it (Tian et al. 2020, ``NCEAverage`` and ``NCECriterion`` of its code).

    Every anchor's rows are copied out of the bank, ``B x (1 + K) x F`` numbers for each direction, and multiplied with
    the anchor in a batched product. Draws and Z are those of :class:`~common.losses.FeatureCorrespondenceLoss`.

    Args:
        bank: whose ``log_normalizers`` are known.
        temperature: T.
        negatives: K.
    """

    def __init__(self, bank: MemoryBank, temperature: float, negatives: int) -> None:
        self.bank = bank
        self.temperature = temperature
        self.negatives = negatives

    def __call__(self, output: tuple[torch.Tensor, torch.Tensor], index: torch.Tensor) -> torch.Tensor:
        """The sum of both directions, the mean over the batch."""
        num_samples = len(self.bank.image)
        drawn = (rand_rows(len(index), self.negatives) * num_samples).long().to(index.device)
        drawn = torch.cat([index[:, None], drawn], dim=1)
        noise = self.negatives / num_samples
        loss = output[0].new_zeros(())
        banks = (self.bank.radiomics, self.bank.image)
        for anchor, bank, log_z in zip(output, banks, self.bank.log_normalizers, strict=True):
            rows = bank.index_select(0, drawn.flatten()).view(*drawn.shape, -1)  # Bx(1+K)xF
            p = (torch.bmm(rows, anchor[:, :, None])[:, :, 0] / self.temperature).exp() / log_z.exp()
            positive = (p[:, 0] / (p[:, 0] + noise)).log()
            negative = (noise / (p[:, 1:] + noise)).log()
            loss = loss - (positive.sum() + negative.sum()) / len(index)
        return loss


def measure_memory_bank(
    batch_size: int = 64,
    num_samples: int = 2916,
    num_features: int = 128,
    negatives: int = 2048,
    temperature: float = 0.07,
    device: str = "cpu",
    rounds: int = 5,
    steps: int = 3,
    cpu_time: bool = False,
) -> dict[str, Any]:
    """Time and memory of forward and backward, by turns: full softmax, and NCE by rows and by scores.

    Args:
        batch_size: B.
        num_samples: rows of the bank; 2916 is the paper's thyroid training set.
        num_features: length of a vector.
        negatives: K of NCE.
        temperature: T.
        device: where to measure.
        rounds: how often to measure.
        steps: steps of each in a round.
        cpu_time: see :class:`~.turns.Clock`.

    Returns:
        ``settings``, ``rounds`` (seconds per step) and ``summary``, as plain values for JSON.
    """
    generator = torch.Generator().manual_seed(0)
    bank = MemoryBank(num_samples, num_features).to(device)
    every = [normalize(torch.randn(num_samples, num_features, generator=generator)).to(device) for _ in range(2)]
    bank.move(torch.arange(num_samples), every)
    index = torch.randperm(num_samples, generator=generator)[:batch_size].to(device)
    views = [normalize(torch.randn(batch_size, num_features, generator=generator)).to(device) for _ in range(2)]
    views = [view.requires_grad_() for view in views]
    ours = FeatureCorrespondenceLoss(bank, temperature, negatives)
    losses = {
        _FULL: FeatureCorrespondenceLoss(bank, temperature),
        _COLUMNS: ours,
        _GATHER: GatherNCE(bank, temperature, negatives),
    }
    difference = _difference(ours, losses[_GATHER], views, index)
    contestants = {name: _steps(loss, views, index) for name, loss in losses.items()}
    peaks = {name: peak_memory(lambda do_steps=do_steps: do_steps(1), device) for name, do_steps in contestants.items()}
    seconds = take_turns(contestants, rounds, steps, 1, Clock(device, cpu_time))
    per_step = [
        {name: t / steps for name, t in zip(seconds, row, strict=True)} for row in zip(*seconds.values(), strict=True)
    ]
    speedup = Spread.of(row[_GATHER] / row[_FULL] for row in per_step)
    summary = {
        "seconds_per_step": {name: Spread.of(row[name] for row in per_step)._asdict() for name in contestants},
        "speedup": speedup._asdict(),
        "speedup_of_gathered_scores": Spread.of(row[_GATHER] / row[_COLUMNS] for row in per_step)._asdict(),
        "peak_bytes": peaks,
        "value_difference": difference,
        "fast_enough": speedup.median >= _SPEEDUP_LIMIT,
        "equal_enough": difference <= _DIFFERENCE_LIMIT,
    }
    settings = {"batch_size": batch_size, "num_samples": num_samples, "num_features": num_features}
    settings |= {"negatives": negatives, "temperature": temperature, "rounds": rounds, "steps": steps}
    settings["cpu_time"] = cpu_time
    return {"settings": settings, "rounds": per_step, "summary": summary}


def memory_bank_table(result: dict[str, Any]) -> str:
    """What :func:`measure_memory_bank` found, in lines."""
    found = result["summary"]
    lines = [", ".join(f"{name} {value}" for name, value in result["settings"].items()), ""]
    for name, seconds in found["seconds_per_step"].items():
        times = f"{seconds['median'] * 1e3:.2f} ms [{seconds['min'] * 1e3:.2f}, {seconds['max'] * 1e3:.2f}]"
        lines.append(f"{name}: {times} forward and backward, peak {found['peak_bytes'][name] / 1e6:.1f} MB")
    verdicts = {True: "met", False: "missed"}
    limits = f"at least {_SPEEDUP_LIMIT}: {verdicts[found['fast_enough']]}"
    lines.append(f"{_FULL} over {_GATHER}: {_times(found['speedup'])} ({limits})")
    lines.append(f"{_COLUMNS} over {_GATHER}: {_times(found['speedup_of_gathered_scores'])}")
    limits = f"at most {_DIFFERENCE_LIMIT:g}: {verdicts[found['equal_enough']]}"
    lines.append(f"relative difference of both NCE's values: {found['value_difference']:.1e} ({limits})")
    return "\n".join(lines)


def _times(spread: dict[str, float]) -> str:
    return f"{spread['median']:.1f} times [{spread['min']:.1f}, {spread['max']:.1f}]"


def _difference(
    first: Callable[..., torch.Tensor], second: Callable[..., torch.Tensor], views: list[torch.Tensor], index: Any
) -> float:
    """Relative, with the same draws; the first call sets Z."""
    first(views, index)
    values = []
    for loss in (first, second):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            values.append(loss(views, index).item())
    return abs(values[0] / values[1] - 1)


def _steps(loss: Callable[..., torch.Tensor], views: list[torch.Tensor], index: torch.Tensor) -> Callable[[int], None]:
    def do_steps(count: int) -> None:
        for _ in range(count):
            torch.autograd.grad(loss(views, index), views)

    return do_steps
