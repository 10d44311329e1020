from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter

from common.errors import InputError
from common.transforms import BatchRandGaussianSharpen, BatchRandGaussianSmooth
from common.transforms.blur import gaussian_blur


def test_smoothing_blurs_by_the_drawn_width(images):
    uniform = torch.tensor([[0.0], [0.25], [0.5], [1.0]], dtype=torch.float64)
    view = BatchRandGaussianSmooth(1.0, sigma=[0.5, 1.5]).apply(images, uniform)
    assert torch.equal(view, gaussian_blur(images, torch.tensor([0.5, 0.75, 1.0, 1.5])))


def test_sharpening_adds_what_the_blur_takes(images):
    image = images / 4 + 64  # room for overshoot
    expected = image + 1.5 * (image - gaussian_blur(image, torch.full((4,), 0.8)))
    view = BatchRandGaussianSharpen(1.0, strength=[1.5, 1.5], sigma=[0.8, 0.8])(image)
    torch.testing.assert_close(view, expected, rtol=0, atol=1e-3)


def test_sharpening_agrees_with_scipy_on_a_smooth_image(images):
    image = gaussian_blur(images, torch.full((4,), 1.5)) / 2 + 60
    blurred = gaussian_filter(image.numpy(), 1.0, mode="nearest", axes=range(2, image.ndim))
    view = BatchRandGaussianSharpen(1.0, strength=[1.0, 1.0], sigma=[1.0, 1.0])(image)
    np.testing.assert_allclose(view.numpy(), 2 * image.numpy() - blurred, rtol=0, atol=1.0)


def test_strength_and_width_are_drawn_for_each_image(images):
    image = images / 4 + 64
    uniform = torch.tensor([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]], dtype=torch.float64)
    view = BatchRandGaussianSharpen(1.0, strength=[0.5, 2.0], sigma=[0.5, 1.0]).apply(image.clone(), uniform)
    blurred = gaussian_blur(image, torch.tensor([0.5, 1.0, 0.5, 1.0]))
    strength = torch.tensor([0.5, 0.5, 2.0, 2.0]).view(-1, *[1] * (image.ndim - 1))
    torch.testing.assert_close(view, image + strength * (image - blurred), rtol=0, atol=1e-3)


def test_no_strength_returns_the_input(images):
    assert torch.equal(BatchRandGaussianSharpen(1.0, strength=[0, 0])(images), images)


def test_overshoot_is_cut_to_the_range():
    edge = torch.zeros(1, 1, 8, 8, 8)
    edge[:, :, 4:] = 1
    view = BatchRandGaussianSharpen(1.0, strength=[2.0, 2.0], value_range=[0, 1])(edge)
    assert view.min() == 0 and view.max() == 1


@pytest.mark.parametrize("kind", [BatchRandGaussianSharpen, BatchRandGaussianSmooth])
def test_a_negative_width_is_refused(kind):
    with pytest.raises(InputError, match=f"{kind.__name__}: sigma is .*; expected numbers from 0 to inf"):
        kind(1.0, sigma=[-1, 1])


def test_a_negative_strength_is_refused():
    with pytest.raises(InputError, match=r"strength is .*; expected numbers from 0 to inf"):
        BatchRandGaussianSharpen(1.0, strength=0.5)
