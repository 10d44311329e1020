from __future__ import annotations

import pytest
import torch
from monai.transforms import AdjustContrast

from common.errors import InputError
from common.transforms import BatchRandAdjustContrast


@pytest.mark.parametrize("value_range", [(0.0, 255.0), (-1.0, 1.0), (100.0, 400.0)])
def test_gamma_agrees_with_monai(images, value_range):
    low, high = value_range
    image = images - images.amin()
    image = low + (high - low) * image / image.amax()
    image[:, 0].view(4, -1)[:, :2] = torch.tensor([low, high])  # MONAI takes each image's own range
    uniform = torch.tensor([[0.0], [0.25], [0.5], [1.0]], dtype=torch.float64)
    view = BatchRandAdjustContrast(1.0, gamma=[0.7, 1.5], value_range=value_range).apply(image.clone(), uniform)
    for row, original, gamma in zip(view, image, (0.7, 0.9, 1.1, 1.5), strict=True):
        reference = AdjustContrast(gamma)(original)
        torch.testing.assert_close(row, torch.as_tensor(reference), rtol=0, atol=1e-5 * (high - low))


def test_a_gamma_of_one_returns_the_input(images):
    view = BatchRandAdjustContrast(1.0, gamma=[1, 1])(images)
    torch.testing.assert_close(view, images, rtol=0, atol=255e-5)


def test_both_ends_of_the_range_stay():
    ends = torch.tensor([0.0, 255.0]).repeat(2, 1, 2, 1)
    view = BatchRandAdjustContrast(1.0)(ends)
    assert torch.equal(view == 0, ends == 0)
    torch.testing.assert_close(view, ends, rtol=0, atol=1e-3)


def test_values_beyond_the_range_are_cut():
    view = BatchRandAdjustContrast(1.0)(torch.tensor([-20.0, 300.0]).repeat(2, 1, 2, 1))
    torch.testing.assert_close(view, torch.tensor([0.0, 255.0]).repeat(2, 1, 2, 1), rtol=0, atol=1e-3)


@pytest.mark.parametrize("low", [0.0, -1.0])
def test_background_stays_exactly_what_it_was(low):
    image = torch.tensor([low, low + 1e-6, 1.0]).view(1, 1, 1, 3).repeat(16, 1, 1, 1)
    view = BatchRandAdjustContrast(1.0, gamma=[0.5, 2.0], value_range=(low, 1.0))(image)
    assert torch.equal(view[..., 0], torch.full((16, 1, 1), low))
    assert (view[..., 1] >= low).all() and torch.isfinite(view).all()


@pytest.mark.parametrize("gamma", [[0, 1], 0.5, [1.5, 0.7]])
def test_an_impossible_gamma_is_refused(gamma):
    with pytest.raises(InputError, match="BatchRandAdjustContrast: gamma is"):
        BatchRandAdjustContrast(1.0, gamma=gamma)
