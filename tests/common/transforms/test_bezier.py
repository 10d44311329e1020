from __future__ import annotations

import numpy as np
import pytest
import torch

from common.errors import InputError
from common.transforms import BatchRandBezier
from common.transforms.bezier import bezier_table


def naive(x: np.ndarray, x1: float, y1: float, x2: float, y2: float, down: bool) -> np.ndarray:
    """The authors' way: many points of the curve, sorted, and interpolation between them."""
    t = np.linspace(0, 1, 20_000)

    def curve(p0, p1, p2, p3):
        return (1 - t) ** 3 * p0 + 3 * (1 - t) ** 2 * t * p1 + 3 * (1 - t) * t**2 * p2 + t**3 * p3

    xs, ys = curve(0, x1, x2, 1), curve(0, y1, y2, 1) if not down else curve(1, y1, y2, 0)
    assert (np.diff(xs) >= -1e-12).all()  # sorted already
    return np.interp(x, xs, ys)


@pytest.mark.parametrize("seed", range(6))
def test_the_table_is_the_curve_through_its_control_points(seed):
    uniform = torch.rand(4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    table = bezier_table(uniform, points=257).numpy()
    for row, (x1, y1, x2, y2, direction) in zip(table, uniform.tolist(), strict=True):
        expected = naive(np.linspace(0, 1, 257), x1, y1, x2, y2, direction < 0.5)
        np.testing.assert_allclose(row, expected, atol=1e-4)


def test_half_of_the_curves_go_down_and_all_are_monotonic_from_corner_to_corner():
    uniform = torch.rand(200, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    table = bezier_table(uniform)
    down = uniform[:, 4] < 0.5
    assert 60 < down.sum() < 140
    sign = torch.where(down, -1.0, 1.0)[:, None]
    assert (table.diff(dim=1) * sign >= -1e-9).all()
    torch.testing.assert_close(table[:, 0], down.double(), atol=1e-6, rtol=0)
    torch.testing.assert_close(table[:, -1], (~down).double(), atol=1e-6, rtol=0)


@pytest.mark.parametrize("value_range", [(0.0, 1.0), (-50.0, 150.0)])
def test_each_image_goes_through_its_own_curve(value_range):
    low, high = value_range
    image = low + (high - low) * torch.rand(3, 2, 4, 5, 6)
    torch.manual_seed(2)
    found = BatchRandBezier(1.0, value_range)(image)
    torch.manual_seed(2)
    uniform = torch.rand(3, 6, dtype=torch.float64)[:, 1:]
    for row, before, (x1, y1, x2, y2, direction) in zip(found, image, uniform.tolist(), strict=True):
        unit = (before.numpy() - low) / (high - low)
        expected = low + (high - low) * naive(unit, x1, y1, x2, y2, direction < 0.5)
        np.testing.assert_allclose(row.numpy(), expected, atol=2e-3 * (high - low))


def test_the_ends_of_the_range_stay_in_it_and_the_given_batch_stays_as_it_is():
    image = torch.tensor([0.0, 1.0, -3.0, 4.0]).view(1, 1, 2, 2).repeat(5, 1, 1, 1)
    before = image.clone()
    found = BatchRandBezier(1.0)(image)
    assert torch.equal(image, before) and found.min() >= 0 and found.max() <= 1
    assert torch.equal(found[:, 0, 0, 0], found[:, 0, 1, 0]) and torch.equal(found[:, 0, 0, 1], found[:, 0, 1, 1])


def test_a_reversed_range_is_one_line():
    with pytest.raises(InputError, match=r"^BatchRandBezier: value_range"):
        BatchRandBezier(0.5, (1.0, 0.0))
