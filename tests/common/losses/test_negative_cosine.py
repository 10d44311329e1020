from __future__ import annotations

import math

import pytest
import torch

from common.losses import NegativeCosineLoss


def naive(t1, t2, r1, r2, weights) -> float:
    """Eq. 1 and 2, number by number."""

    def similarity(a, b) -> float:
        dot = sum(x * y for x, y in zip(a, b, strict=True))
        return -dot / (math.sqrt(sum(x * x for x in a)) * math.sqrt(sum(y * y for y in b)))

    total = 0.0
    for i, weight in enumerate(weights):
        total += weight * (0.5 * similarity(t1[i], r2[i]) + 0.5 * similarity(t2[i], r1[i]))
    return total / len(weights)


@pytest.mark.parametrize(("batch", "features"), [(1, 2), (6, 256), (5, 3)])
@pytest.mark.parametrize("weighted", [False, True])
def test_it_equals_the_paper_s_formula(batch, features, weighted):
    torch.manual_seed(batch)
    outputs = [torch.randn(batch, features, dtype=torch.float64) for _ in range(4)]
    weights = torch.rand(batch, dtype=torch.float64) + 1 if weighted else None
    expected = naive(*(o.tolist() for o in outputs), (weights if weighted else torch.ones(batch)).tolist())
    assert NegativeCosineLoss()(outputs, weights).item() == pytest.approx(expected, abs=1e-6)


def test_weights_multiply_and_the_mean_stays_plain():
    t = torch.eye(3)
    assert NegativeCosineLoss()((t, t, t, t), torch.tensor([1.0, 1.0, 4.0])).item() == pytest.approx(-2.0)


def test_its_range_is_minus_one_to_one():
    t = torch.eye(3)
    assert NegativeCosineLoss()((t, t, t, t)).item() == pytest.approx(-1.0)
    assert NegativeCosineLoss()((t, t, -t, -t)).item() == pytest.approx(1.0)


def test_gradients_equal_finite_differences_and_targets_get_none():
    torch.manual_seed(0)
    t1, t2 = (torch.randn(3, 4, requires_grad=True) for _ in range(2))
    r1, r2 = (torch.randn(3, 4, requires_grad=True) for _ in range(2))
    NegativeCosineLoss()((t1, t2, r1, r2)).backward()
    assert r1.grad is None and r2.grad is None
    for t in (t1, t2):
        step = torch.zeros_like(t)
        step[1, 2] = 1e-2
        with torch.no_grad():
            pair = [[t1 + s * step, t2] if t is t1 else [t1, t2 + s * step] for s in (1, -1)]
            up, down = (NegativeCosineLoss()((*p, r1, r2)) for p in pair)
        assert t.grad[1, 2].item() == pytest.approx(((up - down) / 2e-2).item(), abs=1e-3)


def test_low_precision_outputs_are_compared_in_single():
    outputs = [torch.randn(4, 8).bfloat16() for _ in range(4)]
    assert NegativeCosineLoss()(outputs).dtype == torch.float32
