"""Timed steps: of a real trainer, of its bare network, and forward passes alone."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stderr
from typing import Any

import torch
from ignite.engine import Engine, Events
from monai.engines import SupervisedTrainer
from monai.inferers import Inferer
from torch import nn

__all__ = ["BareSteps", "ForwardPasses", "TrainerSteps"]


class TrainerSteps:
    """Continue a real run of a trainer for a number of steps, then interrupt it (Ignite's ``interrupt``).

    A step includes everything between the ends of two steps: loading, collating, RE/SE, augmentation, forward, backward
    and optimizer, all handlers, and at the end of an epoch metrics, checkpoints and logs. The progress bars of the run
    are drawn, but discarded.

    Args:
        trainer: trainer that is not yet running.
        clock: function that returns seconds.

    Attributes:
        epoch_ends: seconds from the end of the last step of each epoch to the start of the next epoch.
    """

    def __init__(self, trainer: SupervisedTrainer, clock: Callable[[], float]) -> None:
        self.trainer = trainer
        self.clock = clock
        self.epoch_ends: list[float] = []
        self._left = 0
        self._last_step = 0.0
        trainer.add_event_handler(Events.ITERATION_COMPLETED, self._count)
        trainer.add_event_handler(Events.EPOCH_STARTED, self._close_epoch)

    def __call__(self, num_steps: int) -> None:
        """Do ``num_steps`` more steps of the run.

        Raises:
            RuntimeError: the run ends before.
        """
        self._left = num_steps
        self._last_step = self.clock()
        with open(os.devnull, "w") as void, redirect_stderr(void):
            self.trainer.run()
        if self._left:
            raise RuntimeError(f"the run ended {self._left} steps early; raise max_epochs")

    def finish(self) -> None:
        """End the run like a complete one."""
        self.trainer.terminate()
        with open(os.devnull, "w") as void, redirect_stderr(void):
            self.trainer.run()

    def step_and_keep(self) -> tuple[Any, ...]:
        """Do one more step, and return the result of ``prepare_batch``: inputs and targets, and additional arguments
        and keyword arguments for networks with several inputs.
        """
        prepare, kept = self.trainer.prepare_batch, []

        def prepare_and_keep(*args: Any, **kwargs: Any) -> Any:
            """Prepare a batch, and keep it."""
            kept.append(prepare(*args, **kwargs))
            return kept[-1]

        self.trainer.prepare_batch = prepare_and_keep
        self(1)
        self.trainer.prepare_batch = prepare
        return tuple(kept[0])

    def _count(self, engine: Engine) -> None:
        self._left -= 1
        if engine.state.iteration % engine.state.epoch_length == 0:
            self._last_step = self.clock()
        if self._left == 0:
            engine.interrupt()

    def _close_epoch(self, engine: Engine) -> None:
        if engine.state.epoch > 1:
            self.epoch_ends.append(self.clock() - self._last_step)


class BareSteps:
    """Forward, backward and optimizer step of a trainer's network on one batch, and nothing else.

    Network and optimizer are copies; loss and inferer (and thus autocast) are those of the trainer.

    Args:
        trainer: trainer whose step to reproduce.
        inputs: input of the network, from the trainer's ``prepare_batch``.
        targets: target of the loss, from ``prepare_batch``.
        args: additional arguments of the network.
        kwargs: additional keyword arguments of the network.
    """

    def __init__(
        self,
        trainer: SupervisedTrainer,
        inputs: Any,
        targets: Any,
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> None:
        # one call: the copied optimizer must hold the copied parameters
        self.network, self.optimizer = copy.deepcopy((trainer.network, trainer.optimizer))
        self.inferer = trainer.inferer
        self.loss_function = trainer.loss_function
        self.set_to_none = trainer.optim_set_to_none
        self.inputs = inputs
        self.targets = targets
        self.args = args
        self.kwargs = kwargs or {}
        self.network.train()

    def __call__(self, num_steps: int) -> None:
        """Do ``num_steps`` steps."""
        for _ in range(num_steps):
            self.optimizer.zero_grad(set_to_none=self.set_to_none)
            output = self.inferer(self.inputs, self.network, *self.args, **self.kwargs)
            self.loss_function(output, self.targets).backward()
            self.optimizer.step()


class ForwardPasses:
    """Forward passes of an encoder in evaluation mode without gradient: the minimum cost of fresh features.

    Args:
        encoder: network from ``B[C]HWD`` to ``B[F]``; a copy of it is used.
        inferer: inferer that runs the encoder.
        images: batch ``B[C]HWD``, on the device and in the memory format of training.
        num_samples: number of images in each step, in batches of B.
    """

    def __init__(self, encoder: nn.Module, inferer: Inferer, images: torch.Tensor, num_samples: int) -> None:
        self.encoder = copy.deepcopy(encoder).eval()
        self.inferer = inferer
        whole, rest = divmod(num_samples, len(images))
        self.batches = [images] * whole + ([images[:rest]] if rest else [])

    @torch.no_grad()
    def __call__(self, num_steps: int) -> None:
        """Do the forward passes of ``num_steps`` steps."""
        for _ in range(num_steps):
            for batch in self.batches:
                self.inferer(batch, self.encoder)
