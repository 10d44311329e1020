from __future__ import annotations

import numpy as np
import pytest

from common.deploy.prediction.heat_map import draw_heat_map


@pytest.mark.parametrize("shape", [(2, 16, 16), (1, 8, 8, 8)])
def test_a_picture_of_the_map_is_drawn(shape, tmp_path):
    image, heat = np.zeros(shape), np.zeros(shape[1:])
    names = ["T1", "T2"][: shape[0]]
    plain = draw_heat_map(image, heat, names, "caption", tmp_path / "a.png")
    assert plain.dtype == np.uint8 and plain.ndim == 3 and plain.shape[2] == 3
    heat[(1,) * heat.ndim] = 0.5
    assert not np.array_equal(draw_heat_map(image, heat, names, "caption", tmp_path / "b.png"), plain)
