from __future__ import annotations

import pytest
import torch

from common.errors import InputError
from common.transforms import BatchRandMaskingNoise


def test_the_drawn_share_of_values_is_0_and_the_others_are_untouched():
    image = torch.rand(3, 2, 100, 100) + 0.5
    uniform = torch.tensor([[0.0, 0.1], [0.5, 0.2], [1.0, 0.3]], dtype=torch.float64)
    view = BatchRandMaskingNoise(fraction=[0.1, 0.5]).apply(image.clone(), uniform)
    zeros = view == 0
    torch.testing.assert_close(zeros.flatten(1).float().mean(1), torch.tensor([0.1, 0.3, 0.5]), rtol=0, atol=0.02)
    assert torch.equal(view[~zeros], image[~zeros])


def test_images_and_channels_lose_values_of_their_own():
    zeros = (BatchRandMaskingNoise()(torch.ones(3, 2, 64, 64)) == 0).float().reshape(6, -1)
    assert (torch.corrcoef(zeros) - torch.eye(6)).abs().max() < 4 / 4096**0.5


def test_processes_together_make_the_masks_of_one_process(play_process):
    image = torch.ones(4, 1, 8, 8)
    torch.manual_seed(11)
    joined = BatchRandMaskingNoise()(image)
    for rank in (0, 1):
        play_process(rank, 2)
        torch.manual_seed(11)
        assert torch.equal(BatchRandMaskingNoise()(image[rank::2]), joined[rank::2])
    assert image.min() == 1  # the clean image stays: it is the target


def test_the_global_cpu_generator_is_all_the_random_state():
    image, noise = torch.ones(4, 1, 8, 8), BatchRandMaskingNoise()
    torch.manual_seed(5)
    noise(image)
    state = torch.get_rng_state()
    following = noise(image)
    torch.set_rng_state(state)
    assert torch.equal(noise(image), following)


def test_a_share_above_1_is_refused():
    with pytest.raises(
        InputError, match=r"BatchRandMaskingNoise: fraction is \[0, 1.5\]; expected numbers from 0 to 1"
    ):
        BatchRandMaskingNoise(fraction=[0, 1.5])
