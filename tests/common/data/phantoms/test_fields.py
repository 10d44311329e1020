from __future__ import annotations

import numpy as np
import pytest

from common.data.phantoms.fields import smooth_field, unit_grid


def test_the_grid_spans_the_field_of_view_symmetrically():
    grid = unit_grid((4, 6, 8))
    assert grid.shape == (3, 4, 6, 8)
    np.testing.assert_allclose(grid[0, :, 0, 0], [-0.75, -0.25, 0.25, 0.75])
    np.testing.assert_allclose(grid, -grid[:, ::-1, ::-1, ::-1], atol=1e-6)


@pytest.mark.parametrize("wavelength", [0.1, 0.3, 1.0])
def test_a_field_has_mean_0_and_standard_deviation_1(wavelength):
    field = smooth_field((20, 24, 28), wavelength, np.random.default_rng(0))
    assert abs(field.mean()) < 1e-4 and abs(field.std() - 1) < 1e-4


def test_no_detail_is_finer_than_the_wavelength():
    field = smooth_field((64, 64, 64), 0.25, np.random.default_rng(0))
    power = np.abs(np.fft.rfft(field - field.mean(), axis=0)).mean((1, 2)) ** 2
    # Waves of a quarter of the field of view are number 4; a cosine series leaks a little beyond.
    assert power[8:].sum() < 0.02 * power.sum()


def test_one_seed_gives_one_field_at_every_resolution():
    coarse, fine = (smooth_field((n, n, n), 0.5, np.random.default_rng(3)) for n in (16, 32))
    averaged = fine.reshape(16, 2, 16, 2, 16, 2).mean((1, 3, 5))
    assert np.corrcoef(coarse.ravel(), averaged.ravel())[0, 1] > 0.99
