"""Pictures of heat maps."""

from __future__ import annotations

import numpy as np
import pytest

from common.explain.heat_picture import OPACITY, heat_picture


def test_the_plane_of_a_volume_is_that_of_the_maximum_with_right_on_the_left_and_anterior_on_top():
    image = np.zeros((2, 8, 6, 4), np.float32)
    image[1] = np.arange(4) * 100.0  # channel 1 has a grey for each plane
    image[1, 0, 5] = 300.0  # a bright corner: right, anterior
    heat = np.zeros((8, 6, 4), np.float32)
    heat[7, 0, 2] = 0.5  # left, posterior
    picture = heat_picture(image, heat, channel=1, side=8)
    assert picture.shape == (6, 8, 3) and picture.dtype == np.uint8
    chroma = np.ptp(picture.astype(int), axis=-1)
    assert np.unravel_index(chroma.argmax(), chroma.shape) == (5, 0)  # posterior is below, the left on the left
    assert picture[0, 7].min() > picture[3, 4].max()  # the corner
    assert chroma[:3, 4:].max() <= 1  # grey where there is no heat


def test_a_picture_is_neither_turned_nor_coloured_without_heat():
    image = np.linspace(0, 1, 12, dtype=np.float32).reshape(1, 4, 3)
    picture = heat_picture(image, np.zeros((4, 3), np.float32), side=4, radiological=False)
    assert picture.shape == (3, 4, 3) and np.ptp(picture, axis=-1).max() == 0
    assert np.array_equal(picture[..., 0].T.ravel(), np.sort(picture[..., 0].ravel()))


@pytest.mark.parametrize(("peak", "share"), [(0.5, 1.0), (0.01, 1.0), (0.001, 0.1), (-1.0, 0.0)])
def test_the_colour_is_that_of_the_share_of_the_maximum_and_noise_has_little(peak, share):
    import matplotlib

    image, heat = np.zeros((1, 4, 4), np.float32), np.zeros((4, 4), np.float32)
    image[0, 0, 0] = 1.0
    heat[2, 2] = peak
    picture = heat_picture(image, heat, side=4, radiological=False)
    expected = np.array(matplotlib.colormaps["inferno"](share)[:3]) * 255 * OPACITY * share
    assert np.abs(picture[2, 2] - expected).max() <= 1


def test_a_volume_without_heat_shows_its_middle_plane():
    image = np.broadcast_to(np.array([0.0, 10.0, 20.0, 30.0], np.float32), (1, 5, 5, 4))
    middle = heat_picture(image, np.zeros((5, 5, 4), np.float32), side=5)
    assert np.abs(middle.astype(int) - 255 * 20 // 30).max() <= 1  # the third of four
