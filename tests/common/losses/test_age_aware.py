from __future__ import annotations

import math

import pytest
import torch
from torch import nn

import common.losses.age_aware
from common.errors import InputError
from common.losses import AgeAwareLoss, NTXentLoss

AGES = torch.tensor([20.0, 22.0, 70.0, 71.0, 45.0, 20.0], dtype=torch.float64)


def vectors(batch: int, features: int = 4) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(batch)
    return [torch.randn(batch, features, dtype=torch.float64, generator=generator) for _ in range(2)]


def naive(t1: list, t2: list, ages: list, temperature: float, sigma: float) -> float:
    """Dufumier et al. 2021, Eq. 2 with the Gaussian kernel, number by number."""
    z, y = t1 + t2, ages + ages

    def similarity(a, b) -> float:
        dot = sum(p * q for p, q in zip(a, b, strict=True))
        return dot / math.sqrt(sum(p * p for p in a)) / math.sqrt(sum(q * q for q in b))

    total = 0.0
    for i in range(len(z)):
        others = [j for j in range(len(z)) if j != i]
        weights = {k: math.exp(-((y[i] - y[k]) ** 2) / (2 * sigma**2)) for k in others}
        scale = sum(math.exp(similarity(z[i], z[j]) / temperature) for j in others)
        for k in others:
            probability = math.exp(similarity(z[i], z[k]) / temperature) / scale
            total -= weights[k] / sum(weights.values()) * math.log(probability)
    return total / len(z)


@pytest.mark.parametrize("batch", [1, 2, 6])
@pytest.mark.parametrize(("temperature", "sigma"), [(0.1, 5.0), (0.5, 1.0), (1.0, 50.0)])
def test_it_equals_the_paper_s_formula(batch, temperature, sigma):
    t1, t2 = vectors(batch)
    expected = naive(t1.tolist(), t2.tolist(), AGES[:batch].tolist(), temperature, sigma)
    assert AgeAwareLoss(temperature, sigma)((t1, t2), AGES[:batch]).item() == pytest.approx(expected, abs=1e-9)


def test_with_a_narrow_kernel_and_no_equal_ages_it_is_simclr_s_loss_with_the_same_gradient():
    ours, theirs = ([x.requires_grad_() for x in vectors(5)] for _ in range(2))
    found, expected = AgeAwareLoss(0.2, sigma=1e-3)(ours, AGES[:5]), NTXentLoss(0.2)(theirs)
    torch.testing.assert_close(found, expected)
    found.backward()
    expected.backward()
    for a, b in zip(ours, theirs, strict=True):
        torch.testing.assert_close(a.grad, b.grad)


def test_the_gradient_is_the_formula_s():
    t1, t2 = (x.requires_grad_() for x in vectors(3))
    assert torch.autograd.gradcheck(lambda t1, t2: AgeAwareLoss(0.5)((t1, t2), AGES[:3]), (t1, t2))


def test_vectors_of_like_age_are_drawn_together():
    near = torch.tensor([[1.0, 0.0], [1.0, 0.1], [0.0, 1.0]])
    far = torch.tensor([[1.0, 0.0], [0.0, 1.0], [1.0, 0.1]])
    ages = torch.tensor([30.0, 31.0, 80.0])
    assert AgeAwareLoss()((near, near), ages) < AgeAwareLoss()((far, far), ages)


def test_whole_years_and_autocast_leave_it_in_single_precision():
    t1, t2 = (x.float() for x in vectors(4))
    with torch.autocast("cpu", torch.bfloat16):
        found = AgeAwareLoss()((t1, t2), AGES[:4].long())
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, AgeAwareLoss()((t1, t2), AGES[:4]))


@pytest.mark.parametrize(("arguments", "name"), [((0.0, 5.0), "temperature"), ((0.1, 0.0), "sigma")])
def test_figures_that_are_not_above_0_are_one_line(arguments, name):
    with pytest.raises(InputError, match=f"^{name}: 0.0; expected a number.* above 0"):
        AgeAwareLoss(*arguments)


def test_two_processes_have_the_loss_of_the_joined_batch(monkeypatch):
    """Each sees the vectors and ages of both; NT-Xent's test runs the exchange itself in two real processes."""
    joined, losses = vectors(6), []
    halves = [[x[rank::2] for x in joined] for rank in range(2)]
    for rank in range(2):
        both = [torch.cat(half) for half in halves], [torch.cat([AGES[r::2], AGES[r::2]])[:, None] for r in range(2)]
        parts = iter([torch.cat([nn.functional.normalize(z, dim=1) for z in both[0]]), torch.cat(both[1])])
        monkeypatch.setattr(
            common.losses.age_aware, "join_rows", lambda own, parts=parts, rank=rank: (next(parts), rank)
        )
        losses.append(AgeAwareLoss(0.2)(halves[rank], AGES[rank::2]))
    monkeypatch.undo()
    torch.testing.assert_close(sum(losses) / 2, AgeAwareLoss(0.2)(joined, AGES))
