from __future__ import annotations

import numpy as np
import pytest

from common.explain import pointing_game


def test_shares_are_those_counted_pixel_by_pixel():
    rng = np.random.default_rng(0)
    activation, mask = rng.random((5, 7)), rng.random((5, 7)) > 0.6
    inside = total = 0.0
    for i in range(5):
        for j in range(7):
            total += activation[i, j]
            inside += activation[i, j] * mask[i, j]
    found = pointing_game(activation, mask)
    assert found.energy_inside == pytest.approx(inside / total)
    assert found.area == pytest.approx(mask.sum() / 35)
    assert found.peak_inside == mask[np.unravel_index(activation.argmax(), (5, 7))]


def test_an_even_map_has_the_masks_area_inside_and_a_map_on_the_mask_all():
    mask = np.zeros((6, 6))
    mask[1:3, 2:5] = 2
    assert pointing_game(np.ones((6, 6), np.float32), mask)[::2] == pytest.approx((1 / 6, 1 / 6))
    assert pointing_game(mask, mask)[:2] == (1, 1)
    assert pointing_game(np.float32(mask == 0), mask)[:2] == (0, 0)


def test_a_map_or_mask_of_zeros_reports_nothing():
    zeros, ones = np.zeros((3, 3)), np.ones((3, 3))
    assert np.isnan(pointing_game(zeros, ones)[:2]).all() and pointing_game(zeros, ones).area == 1
    assert np.isnan(pointing_game(ones, zeros)).all()
