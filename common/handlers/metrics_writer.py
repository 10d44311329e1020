"""Metrics of each epoch as files."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import Any

import ignite.distributed as idist
import pandas as pd
import torch
from ignite.engine import Engine, Events
from monai.utils import is_scalar
from torch.optim import Optimizer

from ..csv_text import csv_text
from ..errors import InputError
from ..files import write_atomically
from .checkpoint import save_with_checkpoint

__all__ = ["MetricsWriter"]


class MetricsWriter:
    """Collect each epoch's metrics in ``metrics.csv`` (a row for an epoch) and ``metrics.json`` (the same rows).

    The rows have the mean training loss, learning rate, duration, and all entries of ``engine.state.metrics`` of other
    handlers. Put this handler after those. The rows are part of the checkpoint, so a resumed run's files equal those of
    an uninterrupted run, except for the seconds.

    Args:
        output_dir: folder of the two files.
        optimizer: optimizer whose learning rate is logged.
        validator: evaluator whose metrics are added as ``val_<name>``.

    Raises:
        InputError: the mean loss of an epoch is not finite; the run stops and the last checkpoint is kept.
    """

    def __init__(
        self, output_dir: str | Path, optimizer: Optimizer | None = None, validator: Engine | None = None
    ) -> None:
        self.output_dir = Path(output_dir)
        self.optimizer = optimizer
        self.validator = validator
        self.rows: list[dict[str, float]] = []
        self._loss_sum: float | torch.Tensor = 0.0
        self._steps = 0
        self._start = time.perf_counter()

    def attach(self, engine: Engine) -> None:
        """Sum the loss in each iteration, write at the end of each epoch."""
        save_with_checkpoint(engine, "metrics", self)
        engine.add_event_handler(Events.EPOCH_STARTED, self._start_clock)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self._add_loss)
        engine.add_event_handler(Events.EPOCH_COMPLETED, self.write)

    def _start_clock(self, engine: Engine) -> None:
        self._start = time.perf_counter()

    def _add_loss(self, engine: Engine) -> None:
        self._loss_sum = self._loss_sum + engine.state.output["loss"].detach()  # without synchronisation
        self._steps += 1

    def write(self, engine: Engine) -> None:
        """Append this epoch's row and rewrite both files."""
        loss = idist.all_reduce(float(self._loss_sum)) / (self._steps * idist.get_world_size())
        self._loss_sum, self._steps = 0.0, 0
        if not math.isfinite(loss):
            raise InputError(
                f"epoch {engine.state.epoch}: the mean loss is {loss}; lower learning_rate, or turn amp off"
            )
        engine.state.metrics["loss"] = loss
        metrics = _scalars(engine)
        if self.validator is not None:
            metrics |= {f"val_{name}": value for name, value in _scalars(self.validator).items()}
        row = {"epoch": engine.state.epoch, "iteration": engine.state.iteration, **metrics}
        if self.optimizer is not None:
            row["learning_rate"] = float(self.optimizer.param_groups[0]["lr"])
        row["seconds"] = round(time.perf_counter() - self._start, 3)
        self.rows.append(row)
        if idist.get_rank() == 0:
            write_atomically(self.output_dir / "metrics.csv", csv_text(pd.DataFrame(self.rows)))
            write_atomically(self.output_dir / "metrics.json", json.dumps(self.rows, indent=1))

    def state_dict(self) -> dict[str, Any]:
        """The rows so far and the sums of the current epoch."""
        return {"rows": self.rows, "loss_sum": float(self._loss_sum), "steps": self._steps}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore the result of :meth:`state_dict`."""
        self.rows, self._loss_sum, self._steps = list(state["rows"]), state["loss_sum"], state["steps"]


def _scalars(engine: Engine) -> dict[str, float]:
    return {name: float(value) for name, value in engine.state.metrics.items() if is_scalar(value)}
