from __future__ import annotations

import numpy as np

from common.data.near_duplicates import near_duplicates


def test_near_duplicates_are_found_whatever_their_contrast_and_registered_images_are_none():
    rng = np.random.default_rng(0)
    organ = rng.normal(size=(32, 32)) * 3
    pictures = organ + rng.normal(size=(12, 32, 32))
    pictures[7] = 2.5 * pictures[3] + 10 + 0.05 * rng.normal(size=(32, 32))
    assert near_duplicates(pictures) == [(3, 7)]
    assert near_duplicates(np.array([pictures[0], pictures[0] * 2])) == [(0, 1)]
