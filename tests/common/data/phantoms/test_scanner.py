from __future__ import annotations

import numpy as np
import pytest

from common.data.phantoms.scanner import Scanner, acquire, oblique_affine, scanner_of


@pytest.mark.parametrize("seed", range(3))
def test_the_affine_has_the_exact_spacing_and_keeps_angles(seed):
    affine = oblique_affine((10, 20, 30), (1.0, 0.9, 3.5), np.random.default_rng(seed))
    matrix = affine[:3, :3]
    np.testing.assert_allclose(np.linalg.norm(matrix, axis=0), (1.0, 0.9, 3.5))
    np.testing.assert_allclose(matrix.T @ matrix, np.diag([1.0, 0.81, 12.25]), atol=1e-9)
    assert np.linalg.det(matrix) > 0
    # The middle of the volume is near the centre of the scanner.
    assert np.abs(affine @ [4.5, 9.5, 14.5, 1])[:3].max() <= 10


def test_a_centres_scanner_depends_on_its_name_and_the_seed():
    assert scanner_of("A", 4, 0) == scanner_of("A", 4, 0)
    assert len({scanner_of(name, 4, seed) for name in "AB" for seed in (0, 1)}) == 4


def test_noise_is_rician():
    scanner = Scanner(gain=(10000.0,), gamma=1.0, noise=0.1, blur=(0.0, 0.0, 0.0), bias=0.0)
    shape = (40, 40, 40)
    dark = acquire(np.zeros((1, *shape), np.float32), np.ones(shape, bool), scanner, np.random.default_rng(0))
    # Where there is no signal the magnitude follows Rayleigh's distribution: the mean is sigma sqrt(pi / 2), and the
    # ratio of the standard deviation to it sqrt(4 / pi - 1), for any gain.
    assert dark.std() / dark.mean() == pytest.approx(np.sqrt(4 / np.pi - 1), rel=0.02)
    assert 0.9 < dark.mean() / (10000 * 0.1 * np.sqrt(np.pi / 2)) < 1.1


def test_nothing_is_stored_outside_the_brain_and_something_everywhere_inside():
    brain = np.zeros((16, 16, 16), bool)
    brain[4:12, 4:12, 4:12] = True
    images = acquire(np.full((2, 16, 16, 16), 0.5, np.float32), brain, scanner_of("A", 2, 0), np.random.default_rng(0))
    np.testing.assert_array_equal((images > 0).all(axis=0), brain)
    assert not images[:, ~brain].any()
