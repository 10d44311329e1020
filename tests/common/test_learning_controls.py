"""Positive and negative controls: the method of each bundle learns what its views have in common, and only that."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from common.handlers import KeyQueue, MomentumUpdate
from common.handlers.collapse import knn_balanced_accuracy, own_key_rank
from common.losses import FeatureCorrespondenceLoss, LongShortLoss, NegativeCosineLoss, NTXentLoss
from common.networks import LongShortNetwork, PredictionHead, ProjectionHead, SiameseNetwork, SimSiamProjector
from common.networks.memory_bank import MemoryBank

NUM_SUBJECTS, STEPS = 96, 200
SIGNAL, NUISANCE = 8, 56  # voxels of a 4 x 4 x 4 volume: what a subject keeps, and what every view draws anew


def cohort(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor]:
    """Volumes ``N x 1 x 4 x 4 x 4`` whose class lies in few voxels, under a nuisance three times as large."""
    torch.manual_seed(seed)
    labels = torch.arange(NUM_SUBJECTS) % 2
    signal = torch.randn(NUM_SUBJECTS, SIGNAL) * 0.3 + (2.0 * labels[:, None] - 1)
    return view(signal), labels


def view(signal: torch.Tensor) -> torch.Tensor:
    nuisance = torch.randn(len(signal), NUISANCE) * 3
    return torch.cat([signal, nuisance], dim=1).view(-1, 1, 4, 4, 4)


def signal_of(volumes: torch.Tensor) -> torch.Tensor:
    return volumes.flatten(1)[:, :SIGNAL]


def encoder(features: int) -> nn.Module:
    return nn.Sequential(nn.Flatten(), nn.Linear(SIGNAL + NUISANCE, features), nn.BatchNorm1d(features))


class Siam:
    """3DSiam with the projector and the rates of pretrain.yaml."""

    def __init__(self) -> None:
        self.network = SiameseNetwork(encoder(16), PredictionHead(16, 8), SimSiamProjector(16, 16, 16))
        self.optimizer = torch.optim.SGD(self.network.parameters(), lr=0.05, momentum=0.9)
        self.loss = NegativeCosineLoss()

    def step(self, one: torch.Tensor, two: torch.Tensor, subjects: torch.Tensor) -> None:
        self.optimizer.zero_grad()
        self.loss(self.network([one, two])).backward()
        self.optimizer.step()


class Mlsscl:
    """MLSSCL's long-short term with a queue of the whole cohort and a fitted momentum."""

    def __init__(self) -> None:
        backbone = nn.Sequential(encoder(16), ProjectionHead(16, 32, 16))
        self.network = LongShortNetwork(backbone, ProjectionHead(16, 32, 16))
        self.queue = KeyQueue(["axial"], NUM_SUBJECTS, 16)
        self.loss = LongShortLoss(self.queue, temperature=0.1, alpha=0.0, beta=1.0)
        self.optimizer = torch.optim.SGD(
            [p for p in self.network.parameters() if p.requires_grad], lr=0.03, momentum=0.9
        )
        self.momentum = MomentumUpdate(self.network.encoder, self.network.target, momentum=None)
        self.done = 0

    def step(self, one: torch.Tensor, two: torch.Tensor, subjects: torch.Tensor) -> None:
        self.optimizer.zero_grad()
        output = self.network({"short": one, "axial": two})
        self.loss(output, subjects).backward()
        self.optimizer.step()
        self.momentum.move(self.momentum.momentum_at(self.done, STEPS))
        self.queue.enqueue(output.queue_keys, subjects)
        self.done += 1


class Modalities:
    """SimCLR with MDA: the views are two modalities of a patient, which show one tumour with another contrast."""

    def __init__(self) -> None:
        self.network = SiameseNetwork(encoder(16), ProjectionHead(16, 16, 16))
        self.optimizer = torch.optim.SGD(self.network.parameters(), lr=0.05, momentum=0.9)
        self.loss = NTXentLoss()

    def step(self, one: torch.Tensor, two: torch.Tensor, subjects: torch.Tensor) -> None:
        self.optimizer.zero_grad()
        self.loss(self.network([one, two.sign() * two.abs().sqrt()])).backward()
        self.optimizer.step()


class RadiomicsDeep(nn.Module):
    """Correspondence with radiomics, which are a few numbers of the part that a subject keeps."""

    def __init__(self) -> None:
        super().__init__()
        self.network = nn.ModuleDict({"encoder": encoder(16), "projector": ProjectionHead(16, 16, 16)})
        self.radiomics = ProjectionHead(SIGNAL, 32, 16)
        self.bank = MemoryBank(NUM_SUBJECTS, 16)
        self.loss = FeatureCorrespondenceLoss(self.bank)
        self.optimizer = torch.optim.SGD(self.parameters(), lr=0.03, momentum=0.9)

    def step(self, one: torch.Tensor, two: torch.Tensor, subjects: torch.Tensor) -> None:
        self.optimizer.zero_grad()
        image = self.network["projector"](self.network["encoder"](one))
        output = [nn.functional.normalize(view, dim=1) for view in (image, self.radiomics(signal_of(two)))]
        self.loss(output, subjects).backward()
        self.bank.update(subjects, output)
        self.optimizer.step()


def features(network: nn.Module, volumes: torch.Tensor) -> torch.Tensor:
    if isinstance(network, nn.ModuleDict):
        first = network["encoder"]
    else:
        first = network.encoder[0] if isinstance(network, LongShortNetwork) else network.encoder
    with torch.no_grad():
        return first.eval()(volumes)


def train(method: type, volumes: torch.Tensor, shuffled: bool) -> tuple[torch.Tensor, torch.Tensor, nn.Module]:
    """Features before and after the pre-training, and the network."""
    torch.manual_seed(1)
    run = method()
    before = features(run.network, volumes)
    run.network.train()
    for _ in range(STEPS):
        subjects = torch.randperm(len(volumes))[:48]
        signal = signal_of(volumes[subjects])
        other = signal[torch.randperm(len(signal))] if shuffled else signal
        run.step(view(signal), view(other), subjects)
    return before, features(run.network, volumes), run.network


@pytest.mark.parametrize("method", [Siam, Mlsscl, Modalities, RadiomicsDeep])
def test_pretraining_finds_what_the_views_share_and_its_neighbours_have_the_same_class(method):
    volumes, labels = cohort()
    before, after, network = train(method, volumes, shuffled=False)
    assert knn_balanced_accuracy(before, labels) < 0.7  # the nuisance drowns the class in random features
    assert knn_balanced_accuracy(after, labels) > 0.85
    assert own_key_rank(after, features(network, view(signal_of(volumes)))) < 0.4


@pytest.mark.parametrize("method", [Siam, Mlsscl, Modalities, RadiomicsDeep])
def test_shuffled_pairs_teach_nothing_about_the_class(method):
    scores, ranks = [], []
    for seed in range(3):  # of 96 subjects, one cohort alone scores 0.4 to 0.76
        volumes, labels = cohort(seed)
        _, after, network = train(method, volumes, shuffled=True)
        scores.append(knn_balanced_accuracy(after, labels))
        ranks.append(own_key_rank(after, features(network, view(signal_of(volumes)))))
    assert sum(scores) / len(scores) < 0.7
    assert sum(ranks) / len(ranks) > 0.42


def test_shuffled_labels_score_like_chance_however_good_the_features_are():
    volumes, labels = cohort()
    _, after, _ = train(Siam, volumes, shuffled=False)
    scores = [knn_balanced_accuracy(after, labels[torch.randperm(len(labels))]) for _ in range(20)]
    assert sum(scores) / len(scores) == pytest.approx(0.5, abs=0.05)
