from __future__ import annotations

import copy

import pytest
import torch
from torch import nn
from torch.nn.functional import normalize

from common.errors import InputError
from common.networks import (
    LongShortNetwork,
    ProjectedEncoder,
    ProjectionHead,
    UNetEncoder,
    VolumeResNet,
    clip_views,
    key_views,
)

VIEWS = ["axial", "coronal", "sagittal", "short"]


class Counted(nn.Module):
    """An encoder that notes the size of each batch that goes through it or through its copies."""

    def __init__(self, passes: list[int]) -> None:
        super().__init__()
        self.passes = passes
        self.linear = nn.Linear(6, 4)

    def __deepcopy__(self, memo):
        twin = Counted(self.passes)
        twin.load_state_dict(self.state_dict())
        return twin

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.passes.append(len(x) if torch.is_grad_enabled() else -len(x))
        return self.linear(x.flatten(1))


def clips(views: list[str] = VIEWS, batch: int = 3) -> dict[str, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    found = {view: torch.rand(batch, 1, 1, 2, 3, generator=generator) for view in VIEWS}
    return {view: found[view] for view in views}


def network(passes: list[int] | None = None, **options: bool) -> LongShortNetwork:
    torch.manual_seed(0)
    net = LongShortNetwork(Counted([] if passes is None else passes), nn.Linear(4, 4), **options)
    nn.init.normal_(net.target.linear.weight)  # away from the online network
    return net


@pytest.mark.parametrize("batched_targets", [True, False])
@pytest.mark.parametrize("batched_queries", [True, False])
def test_queries_are_the_online_network_s_and_keys_the_target_s_all_of_length_1(batched_targets, batched_queries):
    net, x = network(batched_targets=batched_targets, batched_queries=batched_queries), clips()
    found = net(x)
    for view in ("axial", "coronal", "short"):
        expected = normalize(net.predictor(net.encoder(x[view])), dim=1)
        torch.testing.assert_close(getattr(found, f"q_{view}"), expected)
        assert getattr(found, f"q_{view}").requires_grad
    for view in ("axial", "coronal", "sagittal"):
        torch.testing.assert_close(getattr(found, f"k_{view}"), normalize(net.target(x[view]), dim=1))
        assert not getattr(found, f"k_{view}").requires_grad
    assert list(found.queue_keys) == ["axial", "coronal", "sagittal"]
    assert found.watched == (found.q_axial, found.k_coronal)


@pytest.mark.parametrize(
    ("alpha", "beta", "views", "keys", "passes"),
    [
        (1, 1, VIEWS, ["axial", "coronal", "sagittal"], [-9, 3, 3, 3]),
        (1, 0, ["axial", "coronal", "sagittal"], ["coronal", "sagittal"], [-6, 3, 3]),
        (0, 2, ["axial", "short"], ["axial"], [-3, 3]),
    ],
)
def test_an_absent_term_costs_no_clip_and_no_pass(alpha, beta, views, keys, passes):
    assert clip_views(alpha, beta) == views and key_views(alpha, beta) == keys
    done: list[int] = []
    found = network(done)(clips(views))
    assert done == passes  # the target's without gradient, in one batch
    assert list(found.queue_keys) == keys
    assert (found.q_axial is None) == (alpha == 0) and (found.q_short is None) == (beta == 0)


def test_without_batching_there_are_six_passes_and_with_both_two():
    done: list[int] = []
    network(done, batched_targets=False)(clips())
    assert done == [-3, -3, -3, 3, 3, 3]
    done.clear()
    network(done, batched_queries=True)(clips())
    assert done == [-9, 9]


def test_with_a_norm_that_does_not_mix_samples_batching_changes_nothing():
    torch.manual_seed(0)
    encoder = ProjectedEncoder(UNetEncoder(1, (4, 8), norm="instance"), nn.Linear(8, 6))
    encoder.projector.out_features = 6
    one = LongShortNetwork(encoder, nn.Linear(6, 6), batched_targets=True, batched_queries=True)
    each = copy.deepcopy(one)
    each.batched_targets = each.batched_queries = False
    x = {view: torch.rand(2, 1, 4, 8, 8) for view in VIEWS}
    for found, expected in zip(one(x), each(x), strict=True):
        torch.testing.assert_close(found, expected)


def test_batch_norms_take_the_statistics_of_all_views_together_when_batched():
    net = LongShortNetwork(nn.Sequential(nn.Flatten(), nn.BatchNorm1d(6, momentum=1.0)), nn.Identity())
    x = clips()
    net(x)
    joined = torch.cat([x[view] for view in ("axial", "coronal", "sagittal")]).flatten(1)
    torch.testing.assert_close(net.target[1].running_mean, joined.mean(0))
    net.batched_targets = False
    net(x)
    torch.testing.assert_close(net.target[1].running_mean, x["axial"].flatten(1).mean(0))


def test_the_optimizer_s_parameters_are_the_online_network_s_alone():
    net = network()
    trained = {name for name, p in net.named_parameters() if p.requires_grad}
    assert trained == {"encoder.linear.weight", "encoder.linear.bias", "predictor.weight", "predictor.bias"}


@pytest.mark.parametrize("backbone", [VolumeResNet(10, 1, (4, 8, 8, 16)), UNetEncoder(1, (4, 8, 16))])
def test_both_backbones_work_under_autocast_and_give_single_precision(backbone):
    net = LongShortNetwork(ProjectedEncoder(backbone, ProjectionHead(16, 12, 8)), ProjectionHead(8, 12, 8))
    x = {view: torch.rand(3, 1, 8, 16, 16) for view in VIEWS}
    with torch.autocast("cpu", torch.bfloat16):
        found = net(x)
    for vectors in found:
        assert vectors.shape == (3, 8) and vectors.dtype == torch.float32
        torch.testing.assert_close(vectors.norm(dim=1), torch.ones(3))


@pytest.mark.parametrize("weights", [(0, 0), (-1, 1), (float("nan"), 1)])
def test_impossible_weights_are_one_line(weights):
    with pytest.raises(InputError, match=r"^alpha, beta: .*expected numbers from 0, one of them above"):
        clip_views(*weights)


def test_clips_that_no_term_uses_are_one_line():
    with pytest.raises(InputError, match=r"^clips: axial; expected those of a term"):
        network()(clips(["axial"]))
