from __future__ import annotations

import pytest
import torch
from monai.transforms import Flip

from common.errors import InputError
from common.transforms import BatchAugment, BatchRandFlip


@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("inplace", [False, True])
def test_hit_rows_are_mirrored_as_monai_does_and_the_others_stay_bit_for_bit(images, axis, inplace):
    original = images.clone()
    torch.manual_seed(2)
    hit = torch.rand(4, 1, dtype=torch.float64)[:, 0] < 0.5
    assert 0 < hit.sum() < 4
    torch.manual_seed(2)
    view = BatchRandFlip(0.5, axis)(images, inplace=inplace)
    for row, before, mirrored in zip(view, original, hit.tolist(), strict=True):
        assert torch.equal(row, torch.as_tensor(Flip(axis)(before)) if mirrored else before)
    assert torch.equal(images, original) != inplace


def test_with_probability_1_a_volume_is_mirrored_along_its_last_axis():
    image = torch.rand(2, 1, 3, 4, 5)
    view = BatchRandFlip(1.0, 2)(image)
    assert torch.equal(view, image[..., [4, 3, 2, 1, 0]]) and view.data_ptr() != image.data_ptr()


def test_with_probability_0_the_batch_comes_back_itself(images):
    assert BatchRandFlip(0.0)(images) is images


def test_both_flips_together_make_all_four_variants(images):
    torch.manual_seed(0)
    row = images[:1].expand(200, *images.shape[1:]).contiguous()
    views = BatchAugment([BatchRandFlip(0.5, 0), BatchRandFlip(0.5, 1)])(row)
    variants = [images[0].flip(axes) for axes in ([], [1], [2], [1, 2])]
    counts = [sum(torch.equal(view, variant) for view in views) for variant in variants]
    assert sum(counts) == 200 and min(counts) >= 30  # 50 expected; below 30 once in 10^4


def test_processes_together_make_the_views_of_one_process(images, play_process):
    torch.manual_seed(11)
    joined = BatchRandFlip(0.5)(images)
    for rank in (0, 1):
        play_process(rank, 2)
        torch.manual_seed(11)
        assert torch.equal(BatchRandFlip(0.5)(images[rank::2]), joined[rank::2])


def test_impossible_axes_are_reported():
    with pytest.raises(InputError, match="BatchRandFlip: spatial_axis is -1; expected 0, 1 or"):
        BatchRandFlip(0.5, -1)
    with pytest.raises(InputError, match="spatial_axis is 2; the images have 2 axes"):
        BatchRandFlip(0.5, 2)(torch.rand(1, 1, 4, 4))
