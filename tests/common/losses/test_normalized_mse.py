from __future__ import annotations

import math

import pytest
import torch

from common.losses import NormalizedMSELoss


def distance(z: list[float], q: list[float]) -> float:
    """Eq. 1, first form: the squared distance of the normalised vectors, number by number."""
    z_norm, q_norm = (math.sqrt(sum(x * x for x in v)) for v in (z, q))
    return sum((x / z_norm - y / q_norm) ** 2 for x, y in zip(z, q, strict=True))


@pytest.mark.parametrize(("batch", "features"), [(1, 2), (6, 256), (5, 3)])
@pytest.mark.parametrize("weighted", [False, True])
def test_it_equals_the_paper_s_equations(batch, features, weighted):
    torch.manual_seed(batch)
    outputs = [torch.randn(batch, features, dtype=torch.float64) for _ in range(4)]
    weights = torch.rand(batch, dtype=torch.float64) + 1 if weighted else torch.ones(batch, dtype=torch.float64)
    t1, t2, r1, r2 = (output.tolist() for output in outputs)
    rows = [w * (distance(t1[i], r2[i]) + distance(t2[i], r1[i])) for i, w in enumerate(weights.tolist())]
    found = NormalizedMSELoss()(outputs, weights if weighted else None).item()
    assert found == pytest.approx(sum(rows) / batch, abs=1e-9)


def test_its_range_is_zero_to_eight():
    t = torch.eye(3)
    assert NormalizedMSELoss()((t, t, 3 * t, t)).item() == pytest.approx(0.0, abs=1e-6)
    assert NormalizedMSELoss()((t, t, -t, -t)).item() == pytest.approx(8.0)
    generator = torch.Generator().manual_seed(0)
    for _ in range(20):
        assert 0 <= NormalizedMSELoss()([torch.randn(4, 3, generator=generator) for _ in range(4)]).item() <= 8


def test_gradients_are_the_formula_s_and_targets_get_none():
    torch.manual_seed(0)
    t1, t2, r1, r2 = (torch.randn(3, 4, dtype=torch.float64, requires_grad=True) for _ in range(4))
    NormalizedMSELoss()((t1, t2, r1, r2)).backward()
    assert r1.grad is None and r2.grad is None
    for t, r in ((t1, r2), (t2, r1)):  # d(2 - 2 cos) / dt = -2 / |t| (r / |r| - cos t / |t|)
        u, v = (x.detach() / x.detach().norm(dim=1, keepdim=True) for x in (t, r))
        expected = -2 / t.detach().norm(dim=1, keepdim=True) * (v - (u * v).sum(1, keepdim=True) * u) / 3
        torch.testing.assert_close(t.grad, expected)


def test_low_precision_outputs_are_compared_in_single():
    outputs = [torch.randn(4, 8).bfloat16() for _ in range(4)]
    assert NormalizedMSELoss()(outputs).dtype == torch.float32
