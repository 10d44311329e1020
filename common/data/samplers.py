"""Sampling of batches."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import ignite.distributed as idist
import torch
from torch.utils.data import Sampler

from ..errors import InputError

__all__ = ["CandidateBatchSampler"]


class CandidateBatchSampler(Sampler[list[int]]):
    """Batches of ``batch_size`` during the warm-up, then of the ``num_candidates`` from which SE selects.

    An epoch always has ``ceil(num_samples / batch_size)`` steps, so that it trains on as many images with selection as
    without (Li et al. 2021: "to guarantee that similar number of training images [...] are involved"). No sample is
    twice in a batch. The samples of a step depend on seed, epoch and step alone, so that a run that was killed can
    continue within an epoch (:meth:`set_epoch` with ``start``). Sizes refer to the joined batch of all processes, of
    which process r of W gets the samples r, r + W, ..., so that training does not depend on the number of processes.

    Args:
        num_samples: size of the cohort.
        batch_size: number of samples in a training step, m in the paper.
        num_candidates: number of samples from which the batch of a step is selected, N in the paper; ``None`` for no
            selection.
        warmup_epochs: number of epochs at the start without selection.
        select: function from the indices of the candidates to the positions of the selected ones, if the selection
            needs no images (features from the bank): then only the selected samples are loaded, otherwise all
            candidates.
        seed: random seed for the order.

    Raises:
        InputError: the cohort is smaller than a batch, or a size does not divide among the processes.
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
        """Set the epoch (from 1) of the next iteration, and the number of its completed steps."""
        self.epoch, self.start = epoch, start

    def __iter__(self) -> Iterator[list[int]]:
        count = self.num_candidates if self.epoch > self.warmup_epochs else None
        epoch, start, self.start = self.epoch, self.start, 0
        for step in range(start, len(self)):
            batch = self._whole_epoch(epoch, step) if count is None else self._candidates(epoch, step, count)
            if count is not None and self.select is not None:
                batch = batch[self.select(batch)]
            yield batch[self.rank :: self.world_size].tolist()

    def _whole_epoch(self, epoch: int, step: int) -> torch.Tensor:
        """Every sample once; the last batch is filled with samples from the beginning of the epoch."""
        positions = torch.arange(step * self.batch_size, (step + 1) * self.batch_size) % self.num_samples
        return self._permutation(epoch, 0)[positions]

    def _candidates(self, epoch: int, step: int, count: int) -> torch.Tensor:
        """The next ``count`` candidates, in as many passes over the cohort as the epoch needs."""
        cohort_pass, block = divmod(step, self.num_samples // count)
        return self._permutation(epoch, cohort_pass)[block * count : (block + 1) * count]

    def _permutation(self, epoch: int, cohort_pass: int) -> torch.Tensor:
        # a separate generator, so that the order does not depend on other random numbers
        generator = torch.Generator().manual_seed((self.seed * 1_000_003 + epoch) * 1_009 + cohort_pass)
        return torch.randperm(self.num_samples, generator=generator)
