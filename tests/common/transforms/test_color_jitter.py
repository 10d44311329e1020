from __future__ import annotations

import pytest
import torch

from common.errors import InputError
from common.transforms import BatchRandColorJitter

UNIFORM = torch.tensor([[0.0, 0.0], [0.25, 1.0], [0.5, 0.25], [1.0, 0.75]], dtype=torch.float64)


@pytest.fixture
def grey(images):
    """The images in [0, 1], with a background of zeros round them and one empty channel."""
    image = images / 255
    image[:, :, :3] = 0
    image[1, 0] = 0
    return image


def naive_jitter(channel: torch.Tensor, brightness: float, contrast: float) -> torch.Tensor:
    """Pixel by pixel."""
    bright = [brightness * value for value in channel.flatten().tolist()]
    foreground = [value for value in bright if value > 0]
    mean = sum(foreground) / len(foreground) if foreground else 0.0
    new = [min(max((value - mean) * contrast + mean, 0), 1) if value > 0 else 0.0 for value in bright]
    return torch.tensor(new).view(channel.shape)


def test_brightness_and_contrast_are_those_of_a_loop_over_pixels(grey):
    view = BatchRandColorJitter(1.0, brightness=[0.5, 1.5], contrast=0.4).apply(grey.clone(), UNIFORM)
    for row, original, (first, second) in zip(view, grey, UNIFORM.tolist(), strict=True):
        for channel, before in zip(row, original, strict=True):
            expected = naive_jitter(before, 0.5 + first, 0.6 + 0.8 * second)
            torch.testing.assert_close(channel, expected, rtol=0, atol=1e-5)


def test_in_another_range_of_intensities_it_is_the_same(grey):
    expected = BatchRandColorJitter(1.0).apply(grey.clone(), UNIFORM)
    view = BatchRandColorJitter(1.0, value_range=[-100, 300]).apply(grey * 400 - 100, UNIFORM)
    torch.testing.assert_close(view, expected * 400 - 100, rtol=0, atol=1e-2)


def test_the_background_stays_as_it_is_and_does_not_count_in_the_mean(grey):
    padded = torch.nn.functional.pad(grey, (7, 9))
    view = BatchRandColorJitter(1.0).apply(padded.clone(), UNIFORM)
    assert not view[padded == 0].any()
    expected = BatchRandColorJitter(1.0).apply(grey.clone(), UNIFORM)
    torch.testing.assert_close(view[..., 7:-9], expected, rtol=0, atol=1e-5)


def test_factors_of_one_return_the_input(grey):
    view = BatchRandColorJitter(1.0, brightness=0.0, contrast=[1, 1])(grey)
    torch.testing.assert_close(view, grey, rtol=0, atol=1e-6)


@pytest.mark.parametrize("inplace", [False, True])
def test_rows_not_hit_are_untouched_bit_for_bit(grey, inplace):
    original = grey.clone()
    torch.manual_seed(2)
    hit = torch.rand(4, 3, dtype=torch.float64)[:, 0] < 0.5
    assert 0 < hit.sum() < 4
    torch.manual_seed(2)
    view = BatchRandColorJitter(0.5)(grey, inplace=inplace)
    assert torch.equal(view[~hit], original[~hit]) and (view[hit] != original[hit]).flatten(1).any(1).all()
    assert torch.equal(grey, original) != inplace


def test_with_probability_0_the_batch_comes_back_itself(grey):
    assert BatchRandColorJitter(0.0)(grey) is grey


def test_values_stay_in_range(grey):
    view = BatchRandColorJitter(1.0, brightness=1.0, contrast=1.0)(grey.repeat(8, *[1] * (grey.ndim - 1)))
    assert view.min() == 0 and view.max() == 1


def test_processes_together_make_the_views_of_one_process(grey, play_process):
    torch.manual_seed(11)
    joined = BatchRandColorJitter(0.8)(grey)
    for rank in (0, 1):
        play_process(rank, 2)
        torch.manual_seed(11)
        torch.testing.assert_close(BatchRandColorJitter(0.8)(grey[rank::2]), joined[rank::2], rtol=0, atol=1e-6)


@pytest.mark.parametrize("field", ["brightness", "contrast"])
@pytest.mark.parametrize("value", [[-0.1, 1], [1.2, 0.8], "0.4"])
def test_impossible_factors_are_reported(field, value):
    with pytest.raises(InputError, match=f"BatchRandColorJitter: {field} is"):
        BatchRandColorJitter(1.0, **{field: value})
