from __future__ import annotations

import numpy as np
import pytest

from common.data.phantoms.lung_ct import LEFT_LUNG, RIGHT_LUNG, TUMOUR, lung_ct
from common.data.phantoms.scanner import scanner_of

SHAPE = (40, 40, 40)


def draw(seed: int, stage: int = 0, separation: float = 1.5):
    return lung_ct(SHAPE, stage, separation, scanner_of("A", 1, 0), np.random.default_rng(seed))


@pytest.mark.parametrize("stage", [0, 1, 2])
@pytest.mark.parametrize("seed", range(3))
def test_a_chest_has_air_around_two_lungs_full_of_air_and_a_solid_tumour(seed, stage):
    image, mask = draw(seed, stage)
    assert image.dtype == np.int16 and image.min() >= -1024
    assert set(np.unique(mask)) == {0, RIGHT_LUNG, LEFT_LUNG, TUMOUR}
    assert image[0].mean() < -900
    for lung in (RIGHT_LUNG, LEFT_LUNG):
        assert -880 < np.median(image[mask == lung]) < -750
    assert (image > 200).sum() > 20  # bones
    # The first axis runs from left to right.
    assert np.argwhere(mask == RIGHT_LUNG)[:, 0].mean() > np.argwhere(mask == LEFT_LUNG)[:, 0].mean()
    assert image[mask == TUMOUR].mean() > -400


def test_tumours_grow_with_the_stage_yet_overlap():
    sizes = np.array([[(draw(seed, stage)[1] == TUMOUR).sum() for seed in range(12)] for stage in range(3)])
    assert (np.diff(np.median(sizes, axis=1)) > 0).all()
    assert sizes[0].max() > sizes[1].min() and sizes[1].max() > sizes[2].min()


def test_one_seed_gives_one_subject():
    np.testing.assert_array_equal(draw(5)[0], draw(5)[0])
