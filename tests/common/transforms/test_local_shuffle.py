from __future__ import annotations

import pytest
import torch

from common.errors import InputError
from common.transforms import BatchRandLocalShuffle
from common.transforms.local_shuffle import shuffle_windows


def naive(image: torch.Tensor, starts: torch.Tensor, sizes: torch.Tensor, keys: torch.Tensor) -> torch.Tensor:
    """The authors' loop: window after window out of the original, over what earlier windows left."""
    result, done = image.clone(), 0
    for (x, y, z), (a, b, c) in zip(starts.tolist(), sizes.tolist(), strict=True):
        window = image[:, x : x + a, y : y + b, z : z + c].flatten(1)
        order = keys[done : done + window.shape[1]].argsort()
        result[:, x : x + a, y : y + b, z : z + c] = window[:, order].view(-1, a, b, c)
        done += window.shape[1]
    return result


@pytest.mark.parametrize(("shape", "windows"), [((4, 5, 6), 30), ((1, 7, 9), 5), ((6, 6, 6), 400), ((3, 3, 3), 1)])
def test_all_windows_at_once_equal_one_after_the_other(shape, windows):
    generator = torch.Generator().manual_seed(windows)
    image = torch.rand(2, *shape, generator=generator)
    limits = torch.tensor(shape)
    sizes = 1 + (torch.rand(windows, 3, generator=generator) * (limits // 2 + 1)).long().clamp(max=limits - 1)
    starts = (torch.rand(windows, 3, generator=generator) * (limits - sizes + 1)).long()
    keys = torch.rand(int(sizes.prod(1).sum()), generator=generator, dtype=torch.float64)
    found = shuffle_windows(image.flatten(1), starts, sizes, image.shape[1:], keys).view_as(image)
    assert torch.equal(found, naive(image, starts, sizes, keys))


def test_voxels_move_no_further_than_a_window_and_channels_move_alike():
    place = torch.arange(40.0).expand(20, 30, 40)
    image = torch.stack([place, place + 0.5])[None]
    torch.manual_seed(0)
    found = BatchRandLocalShuffle(1.0, num_windows=500)(image)
    moved = (found - image).abs()
    assert 0 < moved.max() <= 40 // 10 - 1
    assert torch.equal(found[:, 1] - found[:, 0], torch.full_like(found[:, 0], 0.5))


def test_windows_of_one_voxel_change_nothing():
    image = torch.rand(2, 1, 9, 9, 9)  # a tenth of each axis is less than two voxels
    assert torch.equal(BatchRandLocalShuffle(1.0)(image), image)


def test_slices_are_shuffled_too():
    image = torch.rand(1, 1, 40, 40)
    found = BatchRandLocalShuffle(1.0, num_windows=200)(image)
    assert not torch.equal(found, image)
    assert set(found.flatten().tolist()) <= set(image.flatten().tolist())


def test_a_row_s_windows_depend_on_its_own_numbers_alone():
    image = torch.rand(1, 1, 20, 20, 20).repeat(2, 1, 1, 1, 1)
    transform = BatchRandLocalShuffle(1.0, num_windows=300)
    uniform = torch.tensor([[1 / 3], [5 / 7]], dtype=torch.float64)
    both = transform.apply(image.clone(), uniform)
    alone = transform.apply(image[1:].clone(), uniform[1:])
    assert torch.equal(both[1:], alone) and not torch.equal(both[0], both[1])


@pytest.mark.parametrize("arguments", [{"num_windows": 0}, {"max_size": 0.0}, {"max_size": 1.5}])
def test_impossible_figures_are_one_line(arguments):
    with pytest.raises(InputError, match=f"^BatchRandLocalShuffle: {next(iter(arguments))} is"):
        BatchRandLocalShuffle(0.5, **arguments)
