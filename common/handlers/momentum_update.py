"""Momentum update of BYOL's target network."""

from __future__ import annotations

import math

import torch
from ignite.engine import Engine, Events
from torch import nn
from torch.optim.swa_utils import get_ema_multi_avg_fn

from ..errors import InputError

__all__ = ["MomentumUpdate", "fitted_momentum"]


class MomentumUpdate:
    """After each step, move the target's parameters towards the online network's: ``target = tau * target + (1 - tau) *
    online`` (Grill et al. 2020, Eq. 1).

    All parameters are updated in one fused operation. Buffers, such as running statistics of batch norms, are copied.
    :class:`ignite.handlers.EMAHandler` updates one parameter after the other, on its own copy, and has no cosine.
    The momentum depends only on the engine's iteration, so there is no state to save for resuming.

    Args:
        online: network that the optimizer trains.
        target: network with the same parameters and buffers.
        momentum: initial tau; "the exponential moving average parameter tau starts from tau_base = 0.996".
            ``None`` fits it to the number of steps, see :func:`fitted_momentum`: at 0.999 a run of 285 steps keeps 75 %
            of the target's random start.
        schedule: ``cosine``: "tau = 1 - (1 - tau_base) (cos(pi k / K) + 1) / 2 with k the current training step and K
            the maximum number of training steps", k from 0; or ``constant``.

    Raises:
        InputError: the momentum is outside [0, 1], or the schedule is unknown.
    """

    def __init__(
        self, online: nn.Module, target: nn.Module, momentum: float | None = 0.996, schedule: str = "cosine"
    ) -> None:
        if momentum is not None and not 0 <= momentum <= 1:
            raise InputError(
                f"momentum: {momentum}; expected a number from 0 to 1, or null to fit it; BYOL takes 0.996"
            )
        if schedule not in ("cosine", "constant"):
            raise InputError(f"schedule: {schedule!r}; expected cosine or constant; correct it")
        self.online = online
        self.target = target
        self.momentum = momentum
        self.schedule = schedule

    def attach(self, engine: Engine) -> None:
        """Act at the end of each iteration, when the optimizer has stepped."""
        engine.add_event_handler(Events.ITERATION_COMPLETED, self)

    def __call__(self, engine: Engine) -> None:
        """Move the target."""
        step, num_steps = engine.state.iteration - 1, engine.state.max_epochs * engine.state.epoch_length
        self.move(self.momentum_at(step, num_steps))

    @torch.no_grad()
    def move(self, momentum: float) -> None:
        """Update the target with a given tau."""
        update = get_ema_multi_avg_fn(momentum)
        update(list(self.target.parameters()), list(self.online.parameters()), None)
        pairs = list(zip(self.target.buffers(), self.online.buffers(), strict=True))
        for dtype in {new.dtype for _, new in pairs}:  # one kernel for each: mixed lists would be copied one by one
            old, new = zip(*[pair for pair in pairs if pair[1].dtype == dtype], strict=True)
            torch._foreach_copy_(old, new)

    def momentum_at(self, step: int, num_steps: int) -> float:
        """Tau at a step, counted from 0.

        Args:
            step: current step k.
            num_steps: number of steps K of the whole run.
        """
        start = fitted_momentum(num_steps) if self.momentum is None else self.momentum
        if self.schedule == "constant":
            return start
        return 1 - (1 - start) * (math.cos(math.pi * step / num_steps) + 1) / 2


def fitted_momentum(num_steps: int) -> float:
    """Tau at the start of a run of K steps: ``1 - 10 / K``, at least 0.9 and at most 0.999 (**ours**).

    The target then loses its random initialisation within a tenth of a run of any length: 0.988 for 840 steps, and
    the published values (0.996 to 0.999) for the runs of some thousand to tens of thousands of steps that they were
    published for.

    Args:
        num_steps: number of steps K of the whole run.

    Example:
        >>> fitted_momentum(1000), fitted_momentum(20), fitted_momentum(1_000_000)
        (0.99, 0.9, 0.999)
    """
    return min(max(1 - 10 / num_steps, 0.9), 0.999)
