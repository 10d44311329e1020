"""Whether a training's loss falls."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import torch

from ..distributed import concatenate, gather_rows

__all__ = ["LossLevel"]


@dataclass
class LossLevel:
    """The mean loss of each epoch beside that of the first one and beside chance.

    What differs by less than twice its standard error is no difference. The standard deviation of a step's loss is that
    of the differences of successive steps over ``sqrt(2)``, which a falling loss hardly raises (von Neumann 1941), so
    that it is known of epochs of one step too.
    """

    first: float | None = None  # mean of the first epoch
    first_steps: int = 0
    loss: float = 0.0  # mean of the last epoch
    last_step: float | None = None
    squares: float = 0.0  # of the differences
    differences: int = 0
    _steps: list[torch.Tensor] = field(default_factory=list)  # of the current epoch

    def add(self, loss: torch.Tensor) -> None:
        """Add the loss of a step, a scalar, without synchronisation."""
        self._steps.append(loss.detach().float().reshape(1))

    def has_fallen(self, chance: float | None = None) -> bool:
        """Close the epoch: whether its loss is below that of the first one, if it is a later one, and below chance.

        Args:
            chance: loss of guessing; ``None`` where there is none.
        """
        joined = gather_rows(concatenate(self._steps))  # steps of all processes
        steps = joined.view(len(self._steps), -1).double().mean(dim=1).cpu()
        self._steps = []
        chain = steps if self.last_step is None else torch.cat([steps.new_tensor([self.last_step]), steps])
        self.squares += float(chain.diff().square().sum())
        self.differences += len(chain) - 1
        self.loss, self.last_step = float(steps.mean()), float(steps[-1])
        variance = self.squares / max(2 * self.differences, 1)
        below_chance = chance is None or self.loss < chance - 2 * (variance / len(steps)) ** 0.5
        if self.first is None:
            self.first, self.first_steps = self.loss, len(steps)
            return below_chance
        error = (variance * (1 / self.first_steps + 1 / len(steps))) ** 0.5
        return below_chance and self.loss < self.first - 2 * error

    def state_dict(self) -> dict[str, Any]:
        """All of it."""
        return vars(self) | {"_steps": [step.cpu() for step in self._steps]}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the result of :meth:`state_dict`; after an empty one, of earlier versions, any loss falls."""
        vars(self).update({"first": math.inf, "first_steps": 1, **state}, _steps=list(state.get("_steps", ())))
