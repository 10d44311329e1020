"""A small pre-training by feature correspondence on MONAI's trainer, for tests of the memory banks."""

from __future__ import annotations

from pathlib import Path

import torch
from ignite.engine import Events
from monai.engines import SupervisedTrainer
from torch import nn
from torch.utils.data import DataLoader

from common.data import CandidateBatchSampler
from common.engines import PrepareImageAndRadiomics
from common.handlers import MemoryBank, MemoryBankHandler, ResumableCheckpoint
from common.losses import FeatureCorrespondenceLoss
from common.networks import HybridNetwork, RadiomicsEncoder
from common.transforms import BatchRandFlip

NUM_SAMPLES, BATCH_SIZE, RADIOMICS, FEATURES = 9, 4, 6, 3


class StopError(Exception):
    """A kill, as far as a process can do it to itself."""


class Encoder(nn.Sequential):
    """Without batch norm, which is tested elsewhere."""

    num_features = 5

    def __init__(self) -> None:
        super().__init__(nn.Conv2d(1, 5, 3), nn.Tanh())


class Double(PrepareImageAndRadiomics):
    """Double precision, in which two ways to the same number can be distinguished from two numbers."""

    def __call__(self, *args, **kwargs):
        image, index, (radiomics,), kwargs = super().__call__(*args, **kwargs)
        return image.double(), index, (radiomics.double(),), kwargs


def cohort() -> list[dict[str, torch.Tensor]]:
    generator = torch.Generator().manual_seed(1)
    return [
        {
            "image": torch.rand(1, 8, 8, generator=generator),
            "radiomics": torch.randn(RADIOMICS, generator=generator),
            "index": torch.tensor(index),
        }
        for index in range(NUM_SAMPLES)
    ]


class HybridRun:
    """What ``pretrain.yaml`` builds, in small.

    Args:
        folder: of the checkpoint.
        negatives: of the loss.
        wrap: what to put round the network, as DistributedDataParallel.
        stop_at: iteration in which the run is killed.
        fill_from: samples of the first pass.
    """

    def __init__(self, folder: Path | str, negatives=None, wrap=lambda net: net, stop_at=None, fill_from=None) -> None:
        torch.manual_seed(0)
        data = cohort()
        self.network = HybridNetwork(Encoder(), RadiomicsEncoder(RADIOMICS, (7, 7), FEATURES, False), FEATURES).double()
        self.bank = MemoryBank(NUM_SAMPLES, FEATURES).double()
        sampler, generator = CandidateBatchSampler(NUM_SAMPLES, BATCH_SIZE), torch.Generator().manual_seed(0)
        optimizer = torch.optim.SGD(self.network.parameters(), lr=0.05, momentum=0.9)
        objects = {"network": self.network, "optimizer": optimizer, "bank": self.bank}
        filling = DataLoader(data if fill_from is None else fill_from, batch_size=2)
        self.filler = MemoryBankHandler(self.bank, self.network, filling, Double())
        self.losses: list[float] = []
        self.trainer = SupervisedTrainer(
            device=torch.device("cpu"),
            max_epochs=3,
            train_data_loader=DataLoader(data, batch_sampler=sampler, generator=generator),
            network=wrap(self.network),
            optimizer=optimizer,
            loss_function=FeatureCorrespondenceLoss(self.bank, 0.2, negatives),
            prepare_batch=Double(BatchRandFlip(0.5)),
            train_handlers=[ResumableCheckpoint(folder, objects, sampler, generator, interval=1), self.filler],
            decollate=False,
        )
        self.trainer.add_event_handler(Events.ITERATION_COMPLETED, self._record)
        self.trainer.add_event_handler(Events.ITERATION_STARTED, self._stop, stop_at)

    def go(self) -> HybridRun:
        """Train."""
        self.trainer.run()
        return self

    def _record(self, engine) -> None:
        self.losses.append(engine.state.output["loss"].item())

    @staticmethod
    def _stop(engine, stop_at) -> None:
        if engine.state.iteration == stop_at:
            raise StopError
