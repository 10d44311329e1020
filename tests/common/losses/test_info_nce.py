from __future__ import annotations

import math

import pytest
import torch
from torch.nn.functional import normalize

from common.losses import info_nce


def naive(query: list, key: list, negatives: list, allowed: list, temperature: float) -> float:
    """The slides' formula, number by number; the positive is in the sum."""

    def h(a: list[float], b: list[float]) -> float:
        return sum(x * y for x, y in zip(a, b, strict=True)) / temperature

    total = 0.0
    for i, (q, k) in enumerate(zip(query, key, strict=True)):
        others = sum(math.exp(h(q, n)) for j, n in enumerate(negatives) if allowed[i][j])
        total -= math.log(math.exp(h(q, k)) / (math.exp(h(q, k)) + others))
    return total / len(query)


def unit(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> torch.Tensor:
    return normalize(torch.randn(*shape, dtype=dtype, generator=torch.Generator().manual_seed(seed)), dim=-1)


def mask(batch: int, length: int) -> torch.Tensor:
    return torch.rand(batch, length, generator=torch.Generator().manual_seed(9)) < 0.6


@pytest.mark.parametrize(("batch", "length", "features"), [(1, 1, 2), (3, 8, 4), (6, 2, 16), (2, 50, 8)])
@pytest.mark.parametrize("temperature", [0.07, 0.1, 1.0])
def test_it_equals_the_formula_over_the_allowed_negatives(batch, length, features, temperature):
    q, k, n = unit(batch, features), unit(batch, features, seed=1), unit(length, features, seed=2)
    allowed = mask(batch, length)
    expected = naive(q.tolist(), k.tolist(), n.tolist(), allowed.tolist(), temperature)
    assert info_nce(q, k, n, allowed, temperature).item() == pytest.approx(expected, abs=1e-9)


def test_the_gradient_is_the_formula_s_and_reaches_the_query_alone():
    q, k, n = unit(3, 4).requires_grad_(), unit(3, 4, seed=1).requires_grad_(), unit(5, 4, seed=2)
    allowed = mask(3, 5)
    assert torch.autograd.gradcheck(lambda q: info_nce(q, k.detach(), n, allowed, 0.5), q)
    info_nce(q, k, n, allowed, 0.5).backward()
    assert k.grad is None
    for i in range(3):  # (sum over p_j n_j + p_+ k - k) / (B T)
        others = n[allowed[i]]
        keys = torch.cat([k[i : i + 1].detach(), others])
        p = (keys @ q[i].detach() / 0.5).softmax(0)
        torch.testing.assert_close(q.grad[i], (p @ keys - k[i].detach()) / (3 * 0.5))


def test_a_negative_that_is_not_allowed_changes_neither_value_nor_gradient():
    k, n, allowed = unit(3, 4, seed=1), unit(5, 4, seed=2), mask(3, 5)
    allowed[:, 2] = False
    gradients = []
    for negatives in (n, n.index_fill(0, torch.tensor(2), 100.0)):
        q = unit(3, 4).requires_grad_()
        info_nce(q, k, negatives, allowed, 0.1).backward()
        gradients.append(q.grad)
    assert torch.equal(*gradients)


def test_without_any_negative_loss_and_gradient_are_0_and_not_nan():
    q = unit(3, 4, dtype=torch.float32).requires_grad_()
    loss = info_nce(q, unit(3, 4, seed=1), unit(5, 4, seed=2), torch.zeros(1, 5, dtype=torch.bool), 0.1)
    loss.backward()
    assert loss.item() == 0 and torch.equal(q.grad, torch.zeros(3, 4))


def test_it_is_finite_at_any_temperature_and_in_single_precision_under_autocast():
    q, k, n = (unit(*shape, dtype=torch.float32) for shape in ((3, 4), (3, 4), (5, 4)))
    allowed = torch.ones(1, 5, dtype=torch.bool)
    assert info_nce(q, -k, n, allowed, 1e-3).isfinite()
    with torch.autocast("cpu", torch.bfloat16):
        found = info_nce(q, k, n, allowed, 0.1)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, info_nce(q, k, n, allowed, 0.1))
