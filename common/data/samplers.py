"""Which samples a step sees."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import ignite.distributed as idist
import torch
from torch.utils.data import Sampler

from ..errors import InputError

__all__ = ["CandidateBatchSampler"]


class CandidateBatchSampler(Sampler[list[int]]):
    """Batches of ``batch_size`` while warming up, then of the ``num_candidates`` from which SE chooses.

    An epoch is always ``ceil(num_samples / batch_size)`` steps, so that it trains on as many images with selection as
    without (Li et al. 2021: "to guarantee that similar number of training images [...] are involved"). No sample is
    twice in a batch. What a step gets depends on seed, epoch and step alone, so a run that was killed goes on within
    its epoch (:meth:`set_epoch` with ``start``). Sizes count the joined batch of all processes, of which process r of W
    takes the samples r, r + W, ...: the same config trains the same way on any number of processes.

    Args:
        num_samples: size of the cohort.
        batch_size: samples of a training step, the paper's m.
        num_candidates: samples from which a step's batch is chosen, the paper's N; ``None`` for no selection.
        warmup_epochs: epochs at the start without selection.
        select: from the candidates' indices to the positions of the chosen ones, when the choice needs no images
            (features from the bank): then only the chosen samples are loaded. Otherwise all candidates are.
        seed: of the order.

    Raises:
        InputError: when the cohort is smaller than a batch, or a size does not divide among the processes.
    """

    def __init__(
        self,
        num_samples: int,
        batch_size: int,
        num_candidates: int | None = None,
        warmup_epochs: int = 1,
        select: Callable[[torch.Tensor], torch.Tensor] | None = None,
        seed: int = 0,
    ) -> None:
        self.rank, self.world_size = idist.get_rank(), idist.get_world_size()
        for name, size in (("batch_size", batch_size), ("num_candidates", num_candidates or batch_size)):
            if size > num_samples:
                raise InputError(f"{name}: {size} for a cohort of {num_samples}; expected at most the cohort; lower it")
            if size % self.world_size:
                raise InputError(
                    f"{name}: {size} does not divide among {self.world_size} processes; choose a multiple of them"
                )
        self.num_samples = num_samples
        self.batch_size = batch_size
        self.num_candidates = num_candidates
        self.warmup_epochs = warmup_epochs
        self.select = select
        self.seed = seed
        self.epoch = 1
        self.start = 0

    def __len__(self) -> int:
        return -(-self.num_samples // self.batch_size)

    def set_epoch(self, epoch: int, start: int = 0) -> None:
        """Say which epoch (from 1) the next iteration is, and how many of its steps are done already."""
        self.epoch, self.start = epoch, start

    def __iter__(self) -> Iterator[list[int]]:
        selecting = self.num_candidates is not None and self.epoch > self.warmup_epochs
        draw = self._candidates if selecting else self._whole_epoch
        epoch, start, self.start = self.epoch, self.start, 0
        for step in range(start, len(self)):
            batch = draw(epoch, step)
            if selecting and self.select is not None:
                batch = batch[self.select(batch)]
            yield batch[self.rank :: self.world_size].tolist()

    def _whole_epoch(self, epoch: int, step: int) -> torch.Tensor:
        """Every sample once; the last batch is filled up from the epoch's beginning."""
        positions = torch.arange(step * self.batch_size, (step + 1) * self.batch_size) % self.num_samples
        return self._permutation(epoch, 0)[positions]

    def _candidates(self, epoch: int, step: int) -> torch.Tensor:
        """The next candidates of as many passes over the cohort as the epoch needs."""
        turn, block = divmod(step, self.num_samples // self.num_candidates)
        return self._permutation(epoch, turn)[block * self.num_candidates : (block + 1) * self.num_candidates]

    def _permutation(self, epoch: int, turn: int) -> torch.Tensor:
        # a generator of its own: the order must not move when anything else draws a random number
        generator = torch.Generator().manual_seed((self.seed * 1_000_003 + epoch) * 1_009 + turn)
        return torch.randperm(self.num_samples, generator=generator)
