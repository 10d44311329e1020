from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from common.images.volume import Volume
from common.radiomics.box import Box
from common.radiomics.filters import FILTERS, Source


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32, np.float64])
@pytest.mark.parametrize("box", [Box((2, 3, 1), (6, 8, 3)), Box((0, 4, 0), (9, 11, 5)), Box((4, 5), (9, 11))])
@pytest.mark.parametrize("spaced", [True, False])
def test_the_gradient_is_that_of_itk_on_the_whole_image_bit_for_bit(dtype, box, spaced):
    shape = (5, 11, 9)[-len(box.lower) :]
    image = sitk.GetImageFromArray(np.random.default_rng(0).integers(0, 255, shape).astype(dtype))
    image.SetSpacing((0.7, 0.9, 2.5)[: len(shape)])
    expected = sitk.GetArrayFromImage(sitk.GradientMagnitude(image, useImageSpacing=spaced))[box.slices]
    ((name, found),) = FILTERS["Gradient"](Source(Volume.of(image), box), {"gradientUseSpacing": spaced})
    assert name == "gradient" and (found == expected).all()
