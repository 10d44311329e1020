"""Cosine learning rate with constant parameter groups."""

from __future__ import annotations

import math

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from ..errors import InputError

__all__ = ["CosineRate"]


class CosineRate(LambdaLR):
    """Linear warm-up, then half a cosine to 0, for all parameter groups except those with ``constant: true``.

    SimSiam's predictor keeps its rate: "a predictor with constant lr [...] can produce better results. A possible
    explanation is that h should adapt to the latest representations" (Chen & He 2021, section 4.2). Call it after each
    step (``LrScheduleHandler`` with ``epoch_level: false``).

    Args:
        optimizer: optimizer; its parameter groups may have the key ``constant``.
        num_steps: number of steps of the whole run.
        warmup_steps: number of steps of the linear warm-up.

    Raises:
        InputError: there is no step, or the warm-up is not shorter than the run.
    """

    def __init__(self, optimizer: Optimizer, num_steps: int, warmup_steps: int = 0) -> None:
        if num_steps < 1 or not 0 <= warmup_steps < num_steps:
            raise InputError(
                f"num_steps, warmup_steps: {num_steps}, {warmup_steps}; expected a run of at least one step and a "
                "shorter warm-up; raise max_epochs or lower warmup_steps"
            )
        self.num_steps = num_steps
        self.warmup_steps = warmup_steps
        kept = [bool(group.get("constant", False)) for group in optimizer.param_groups]
        super().__init__(optimizer, [_one if constant else self.factor for constant in kept])

    def factor(self, step: int) -> float:
        """Share of the rate at a step, counted from 0."""
        warmup = min((step + 1) / (self.warmup_steps + 1), 1.0)
        return warmup * 0.5 * (1 + math.cos(math.pi * min(step, self.num_steps) / self.num_steps))


def _one(step: int) -> float:
    return 1.0
