from __future__ import annotations

import numpy as np
import torch
from monai.networks.layers import gaussian_1d
from scipy.ndimage import correlate1d, gaussian_filter

from common.transforms.blur import blur_matrices, gaussian_blur

SIGMAS = torch.tensor([0.4, 0.8, 1.2, 2.0])


def test_each_image_is_blurred_by_its_own_gaussian(images):
    blurred = gaussian_blur(images, SIGMAS)
    for image, sigma, row in zip(images.numpy(), SIGMAS, blurred.numpy(), strict=True):
        weights = gaussian_1d(sigma, truncated=6.0, approx="erf").numpy()
        reference = image
        for axis in range(1, image.ndim):
            reference = correlate1d(reference, weights, axis=axis, mode="nearest")
        np.testing.assert_allclose(row, reference, rtol=0, atol=2e-3)


def test_wide_blurs_agree_with_scipy(images):
    """There, sampling the Gaussian (scipy) and integrating it over voxels are nearly the same."""
    blurred = gaussian_blur(images, torch.full((4,), 2.0))
    reference = gaussian_filter(images.numpy(), 2.0, mode="nearest", axes=range(2, images.ndim))
    np.testing.assert_allclose(blurred.numpy(), reference, rtol=0, atol=1.0)


def test_no_width_returns_the_input(images):
    torch.testing.assert_close(gaussian_blur(images, torch.zeros(4)), images, rtol=0, atol=1e-4)


def test_a_constant_image_stays_constant_up_to_its_border():
    blurred = gaussian_blur(torch.full((1, 1, 9, 7, 5), 100.0), torch.tensor([3.0]))
    torch.testing.assert_close(blurred, torch.full_like(blurred, 100.0))


def test_rows_of_the_matrix_sum_to_one():
    torch.testing.assert_close(blur_matrices(SIGMAS, 12).sum(2), torch.ones(4, 12))
