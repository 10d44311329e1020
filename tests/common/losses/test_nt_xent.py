from __future__ import annotations

import math

import pytest
import torch
from monai.losses import ContrastiveLoss
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from common.errors import InputError
from common.losses import NTXentLoss
from common.networks import SiameseNetwork
from tests.two_processes import run_two_processes


def naive(t1: list, t2: list, temperature: float, weights: list[float]) -> float:
    """Chen et al. 2020, Eq. 1 and Algorithm 1, number by number."""
    z, batch = t1 + t2, len(t1)

    def similarity(a, b) -> float:
        dot = sum(x * y for x, y in zip(a, b, strict=True))
        return dot / (math.sqrt(sum(x * x for x in a)) * math.sqrt(sum(y * y for y in b)))

    def pair(i: int, j: int) -> float:
        others = sum(math.exp(similarity(z[i], z[k]) / temperature) for k in range(2 * batch) if k != i)
        return -math.log(math.exp(similarity(z[i], z[j]) / temperature) / others)

    return sum(weights[i] * (pair(i, i + batch) + pair(i + batch, i)) for i in range(batch)) / (2 * batch)


def vectors(batch: int, features: int, dtype=torch.float32) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(batch)
    return [torch.randn(batch, features, dtype=dtype, generator=generator) for _ in range(2)]


@pytest.mark.parametrize(("batch", "features"), [(1, 4), (2, 3), (7, 32)])
@pytest.mark.parametrize("temperature", [0.1, 0.5, 1.0])
@pytest.mark.parametrize("weighted", [False, True])
def test_it_equals_simclr_s_formula(batch, features, temperature, weighted):
    t1, t2 = vectors(batch, features, torch.float64)
    weights = torch.rand(batch, dtype=torch.float64) + 1 if weighted else torch.ones(batch, dtype=torch.float64)
    expected = naive(t1.tolist(), t2.tolist(), temperature, weights.tolist())
    found = NTXentLoss(temperature)((t1, t2), weights if weighted else None).item()
    assert found == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize(("batch", "features"), [(2, 8), (64, 256)])
def test_value_and_gradient_equal_monai_s(batch, features):
    ours, theirs = ([x.requires_grad_() for x in vectors(batch, features)] for _ in range(2))
    found, expected = NTXentLoss(0.5)(ours), ContrastiveLoss(0.5)(*theirs)
    assert found.item() == pytest.approx(expected.item(), abs=1e-5)
    found.backward()
    expected.backward()
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a.grad, b.grad, rtol=1e-4, atol=1e-7)


def test_at_a_low_temperature_it_is_right_in_single_precision_where_monai_s_is_nan():
    t1, t2 = vectors(16, 8)
    for temperature in (0.01, 0.001):
        assert ContrastiveLoss(temperature)(t1, t2).isnan()
        expected = NTXentLoss(temperature)((t1.double(), t2.double())).item()
        assert NTXentLoss(temperature)((t1, t2)).item() == pytest.approx(expected, rel=1e-4)
    assert ContrastiveLoss(0.0114)(t1, t1).isfinite()  # 1 / 0.0114 is below log(3.4e38) = 88.7


def test_autocast_leaves_it_in_single_precision():
    t1, t2 = vectors(16, 64)
    with torch.autocast("cpu", torch.bfloat16):
        found = NTXentLoss(0.1)((t1, t2))
    assert found.dtype == torch.float32
    assert found.item() == pytest.approx(NTXentLoss(0.1)((t1, t2)).item(), abs=1e-6)
    assert NTXentLoss(0.1)((t1.bfloat16(), t2.bfloat16())).dtype == torch.float32


def test_of_a_siamese_output_it_takes_the_two_predictions():
    network = SiameseNetwork(nn.Linear(4, 3), nn.Identity())
    x1, x2 = vectors(5, 4)
    expected = NTXentLoss()((network.encoder(x1), network.encoder(x2)))
    assert torch.equal(NTXentLoss()(network([x1, x2])), expected)


@pytest.mark.parametrize("temperature", [0, -1.0, float("nan")])
def test_a_temperature_that_is_not_above_0_is_one_line(temperature):
    with pytest.raises(InputError, match=r"^temperature: .*expected a number above 0"):
        NTXentLoss(temperature)


BATCH = 6


def network() -> nn.Module:
    torch.manual_seed(0)
    return SiameseNetwork(nn.Sequential(nn.Linear(5, 8), nn.SiLU(), nn.Linear(8, 4)), nn.Identity())


def step(rank: int, folder: str) -> None:
    net = DistributedDataParallel(network())
    loss = NTXentLoss(0.2)(net([x[rank::2] for x in vectors(BATCH, 5)]))
    loss.backward()
    gradients = {name: parameter.grad for name, parameter in net.module.named_parameters()}
    torch.save({"loss": loss.detach(), "gradients": gradients}, f"{folder}/{rank}.pt")


@pytest.mark.slow
def test_two_processes_have_loss_and_gradients_of_the_joined_batch(tmp_path):
    run_two_processes(step, tmp_path)
    parts = [torch.load(tmp_path / f"{rank}.pt", weights_only=True) for rank in range(2)]
    net = network()
    loss = NTXentLoss(0.2)(net(vectors(BATCH, 5)))
    loss.backward()
    torch.testing.assert_close((parts[0]["loss"] + parts[1]["loss"]) / 2, loss.detach())
    for part in parts:
        for name, parameter in net.named_parameters():
            torch.testing.assert_close(part["gradients"][name], parameter.grad, msg=name)
    alone = NTXentLoss(0.2)(net([x[::2] for x in vectors(BATCH, 5)]))
    assert abs(parts[0]["loss"] - alone) > 0.1  # the other process's vectors are among the negatives
