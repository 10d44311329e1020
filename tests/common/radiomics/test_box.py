from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from common.radiomics.box import Box


@pytest.mark.parametrize("shape", [(6, 7, 8), (9, 5)])
def test_the_box_of_a_mask_is_that_of_itk(shape):
    mask = np.random.default_rng(0).random(shape) > 0.9
    found, statistics = Box.of_mask(mask), sitk.LabelShapeStatisticsImageFilter()
    statistics.Execute(sitk.GetImageFromArray(mask.astype(np.uint8)))
    bounds = statistics.GetBoundingBox(1)
    lower, size = bounds[: mask.ndim], bounds[mask.ndim :]
    assert found == Box(lower, tuple(low + length for low, length in zip(lower, size, strict=True)))


def test_a_box_grows_within_the_image_and_an_axis_grows_by_its_margin_or_wholly():
    box, size = Box((3, 4), (6, 8)), (20, 9)
    assert box.grown([2, 5], size) == Box((1, 0), (8, 9))
    assert box.grown_axis(0, 3, size) == Box((0, 4), (9, 8))
    assert box.grown_axis(0, 4, size) == Box((0, 4), (20, 8))
    assert box.grown_axis(1, 1, size) == Box((3, 3), (6, 9))
    assert box.within(Box((1, 0), (8, 9))) == Box((2, 4), (5, 8))
