from __future__ import annotations

import numpy as np
import pytest

from common.images.facts import ImageFacts
from common.images.grid import dims_problem, grid_problem


def facts(shape=(8, 9, 10), affine=None, channels: int = 1) -> ImageFacts:
    matrix = np.diag([2.0, 2.0, 3.0, 1.0]) if affine is None else affine
    stored = (*shape, channels) if channels > 1 else tuple(shape)
    return ImageFacts(stored, tuple(shape), channels, tuple(map(tuple, matrix.tolist())))


@pytest.mark.parametrize(
    ("shape", "dims", "fits"),
    [
        ((8, 9), [2], True),
        ((8, 9), [3], False),
        ((8, 9), [2, 3], True),
        ((8, 9, 10), [2], False),
        ((8, 9, 10), [3], True),
        ((8, 9, 1), [3], False),
        ((8, 9, 1), [2, 3], True),
        ((8, 1, 1), [2, 3], False),
        ((8, 1), [2], False),
    ],
)
def test_an_image_has_as_many_axes_with_extent_as_asked(shape, dims, fits):
    assert (dims_problem(shape, dims) is None) == fits


def test_the_distance_is_that_of_the_farthest_corner_in_the_smallest_voxel_side():
    wider = np.diag([2.0, 2.0, 3.2, 1.0])  # the tenth slice lies 9 x 0.2 mm away, 0.9 of a voxel of 2 mm
    assert "found a grid up to 0.9 voxels away" in grid_problem(facts(affine=wider), facts(), "as a", is_mask=False)
    shifted = np.diag([2.0, 2.0, 3.0, 1.0])
    shifted[1, 3] = 0.19
    assert grid_problem(facts(affine=shifted), facts(), "as a", is_mask=False) is None  # within the tolerance


def test_a_slice_is_compared_by_the_corners_of_its_plane():
    thicker = np.diag([2.0, 2.0, 9.0, 1.0])
    assert grid_problem(facts((8, 9), thicker), facts((8, 9)), "as a", is_mask=False) is None
    assert grid_problem(facts((8, 10)), facts((8, 9)), "as a", is_mask=False).startswith(
        "found shape (8, 10), expected"
    )


def test_only_masks_may_be_stored_with_other_axes():
    stored = ImageFacts((8, 9, 10, 1), (8, 9, 10), 1, facts().affine)
    assert grid_problem(stored, facts(), "as a", is_mask=True) is None
    assert "found shape (8, 9, 10, 1), expected (8, 9, 10)" in grid_problem(stored, facts(), "as a", is_mask=False)


def test_images_without_geometry_are_compared_by_shape_alone():
    plain = ImageFacts((1, 8, 9), (8, 9), 1, None)
    assert grid_problem(plain, facts((8, 9)), "as a", is_mask=True) is None
