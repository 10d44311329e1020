"""The memory banks on Ignite's events."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from itertools import islice
from typing import Any

import ignite.distributed as idist
import torch
from ignite.engine import Engine, Events
from monai.engines import PrepareBatch
from monai.inferers import Inferer, SimpleInferer
from torch import nn

from ..engines import PrepareImageAndRadiomics
from ..errors import InputError
from ..networks.memory_bank import MemoryBank

__all__ = ["MemoryBankHandler"]

logger = logging.getLogger(__name__)


class MemoryBankHandler:
    """Fill the banks by one pass before the first epoch, and update them after each step.

    The pass uses clean images, in evaluation mode, without gradient (**ours**; CMC starts from noise, so that all
    positives of the first epoch are noise). Its batches are distributed over processes. A resumed run loads its banks
    from the checkpoint: put :class:`~common.handlers.ResumableCheckpoint` first, with the bank among its objects. A
    step's vectors enter the banks after its loss, so that no sample is compared with itself.

    Args:
        bank: bank to fill and update; it is moved to the trainer's device.
        network: network under training, from image and radiomics to :class:`~common.networks.HybridOutput`, the one
            that is trained.
        data_loader: loader of all samples, once each, in any order, unaugmented, the same on every process.
        prepare_batch: function that moves a batch to the device.
        inferer: inferer that runs the network.

    Raises:
        InputError: the pass does not cover all of the bank's samples.
    """

    def __init__(
        self,
        bank: MemoryBank,
        network: nn.Module,
        data_loader: Iterable[dict[str, Any]],
        prepare_batch: PrepareBatch | None = None,
        inferer: Inferer | None = None,
    ) -> None:
        self.bank = bank
        self.network = network
        self.data_loader = data_loader
        self.prepare_batch = prepare_batch or PrepareImageAndRadiomics()
        self.inferer = inferer or SimpleInferer()

    def attach(self, engine: Engine) -> None:
        """Fill at the start, update at the end of each iteration."""
        engine.add_event_handler(Events.STARTED, self.fill)
        engine.add_event_handler(Events.ITERATION_COMPLETED, self.update)

    @torch.no_grad()
    def fill(self, engine: Engine) -> None:
        """The first pass, unless a checkpoint has filled the bank."""
        self.bank.to(engine.state.device)
        if self.bank.filled.all():
            return
        training = self.network.training
        self.network.eval()
        for batch in islice(self.data_loader, idist.get_rank(), None, idist.get_world_size()):
            self._check(batch["index"])
            image, _, args, kwargs = self.prepare_batch(batch, engine.state.device, engine.non_blocking)
            self.bank.move(batch["index"], self.inferer(image, self.network, *args, **kwargs))
        self.network.train(training)
        self._join()
        self._check_all_filled()
        logger.info(f"The memory banks are filled: {len(self.bank.filled)} samples.")

    def update(self, engine: Engine) -> None:
        """Update the rows of the batch of the last step."""
        self.bank.update(engine.state.batch["index"], engine.state.output["pred"])

    def _join(self) -> None:
        """Rows of all processes: each row is zero everywhere but on the one process that filled it."""
        if idist.get_world_size() > 1:
            for bank in (self.bank.image, self.bank.radiomics):
                bank.copy_(idist.all_reduce(bank))
            self.bank.filled.copy_(idist.all_reduce(self.bank.filled.int()) > 0)

    def _check(self, index: torch.Tensor) -> None:
        if int(index.max()) >= len(self.bank.filled):
            raise InputError(
                f"num_samples: a memory bank of {len(self.bank.filled)} samples and a sample of index "
                f"{int(index.max())}; expected one row for each training sample; set num_samples to their number"
            )

    def _check_all_filled(self) -> None:
        if missing := int((~self.bank.filled).sum()):
            raise InputError(
                f"data_loader: {missing} of the memory bank's {len(self.bank.filled)} samples are not in it; expected "
                "all, without drop_last; give the loader the training set and num_samples its length"
            )
