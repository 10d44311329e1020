from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk

from common.images.volume import Volume
from common.radiomics.box import Box
from common.radiomics.laplacian import laplacian_of_gaussian


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32, np.float64])
@pytest.mark.parametrize(
    ("shape", "box", "sigma"),
    [
        ((20, 90, 80), Box((40, 42, 8), (47, 50, 11)), 1.0),  # away from all borders but those of z
        ((20, 90, 80), Box((0, 80, 0), (5, 90, 3)), 1.5),  # in a corner
        ((130, 120), Box((60, 55), (70, 64)), 1.5),
    ],
)
def test_the_box_is_that_of_itk_on_the_whole_image_bit_for_bit(dtype, shape, box, sigma):
    image = sitk.GetImageFromArray(np.random.default_rng(0).integers(0, 255, shape).astype(dtype))
    image.SetSpacing((0.7, 0.9, 2.5)[: len(shape)])
    whole = sitk.LaplacianRecursiveGaussianImageFilter()
    whole.SetNormalizeAcrossScale(True)
    whole.SetSigma(sigma)
    expected = sitk.GetArrayFromImage(whole.Execute(image))[box.slices]
    found = laplacian_of_gaussian(Volume.of(image), box, sigma)
    assert found.dtype == expected.dtype == np.float32 and (found == expected).all()
