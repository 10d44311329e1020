from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.stats import kstest, kurtosis

from common.errors import InputError
from common.transforms import BatchRandGaussianNoise
from common.transforms.noise import standard_normal_


def test_the_numbers_are_standard_normal():
    numbers = standard_normal_(torch.empty(7, 11, 1301), torch.Generator().manual_seed(0)).flatten().numpy()
    assert kstest(numbers, "norm").pvalue > 0.01
    assert abs(numbers.mean()) < 0.01 and abs(numbers.std() - 1) < 0.01 and abs(kurtosis(numbers)) < 0.05
    assert np.isfinite(numbers).all()


def test_each_of_the_four_numbers_of_a_draw_is_normal_and_none_follows_another():
    numbers = standard_normal_(torch.empty(4 * 20000), torch.Generator().manual_seed(0)).view(-1, 4).numpy()
    assert all(kstest(column, "norm").pvalue > 0.01 for column in numbers.T)
    assert np.abs(np.corrcoef(numbers.T) - np.eye(4)).max() < 4 / 20000**0.5


def test_noise_has_the_drawn_strength_as_a_fraction_of_the_range():
    image = torch.full((3, 1, 20, 20, 20), 100.0)
    uniform = torch.tensor([[0.0, 0.1], [0.5, 0.2], [1.0, 0.3]], dtype=torch.float64)
    view = BatchRandGaussianNoise(1.0, std=[0.01, 0.05], value_range=[0, 200]).apply(image.clone(), uniform)
    difference = (view - image).flatten(1)
    torch.testing.assert_close(difference.std(1), torch.tensor([2.0, 6.0, 10.0]), rtol=0.03, atol=0)
    assert (difference.mean(1).abs() < 0.5).all()


def test_images_and_channels_get_independent_noise():
    noise = (BatchRandGaussianNoise(1.0, std=[0.05, 0.05])(torch.full((3, 2, 20, 20, 20), 128.0)) - 128).reshape(6, -1)
    assert (torch.corrcoef(noise) - torch.eye(6)).abs().max() < 4 / 8000**0.5


def test_no_strength_returns_the_input(images):
    assert torch.equal(BatchRandGaussianNoise(1.0, std=[0, 0])(images), images)


def test_a_negative_strength_is_refused():
    with pytest.raises(InputError, match=r"BatchRandGaussianNoise: std is 0.1; expected numbers from 0 to inf"):
        BatchRandGaussianNoise(1.0, std=0.1)
