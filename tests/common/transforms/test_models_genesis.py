from __future__ import annotations

import ignite.distributed as idist
import torch

from common.transforms import BatchModelsGenesis, BatchRandBezier, BatchRandLocalShuffle, BatchRandPaint


def test_it_shuffles_then_transforms_intensities_then_paints_with_the_authors_probabilities():
    transforms = BatchModelsGenesis().transforms
    assert [type(t) for t in transforms] == [BatchRandLocalShuffle, BatchRandBezier, BatchRandPaint]
    assert [t.prob for t in transforms] == [0.5, 0.9, 0.9] and transforms[2].inpaint == 0.2


def test_it_equals_its_parts_one_after_the_other_and_keeps_the_original():
    image = torch.rand(6, 1, 12, 24, 24)
    before = image.clone()
    torch.manual_seed(4)
    found = BatchModelsGenesis(num_windows=200)(image)
    torch.manual_seed(4)
    expected = image
    for transform in (BatchRandLocalShuffle(0.5, 200), BatchRandBezier(0.9), BatchRandPaint(0.9, 0.2)):
        expected = transform(expected)
    assert torch.equal(found, expected) and torch.equal(image, before)
    assert found.min() >= 0 and found.max() <= 1


def test_nothing_hidden_the_state_of_torch_s_generator_decides_all():
    image, distort = torch.rand(4, 1, 12, 24, 24), BatchModelsGenesis(num_windows=100)
    distort(image)
    state = torch.get_rng_state()
    expected = distort(image)
    torch.set_rng_state(state)
    assert torch.equal(BatchModelsGenesis(num_windows=100)(image), expected)


def test_two_processes_draw_what_one_draws_for_the_joined_batch(monkeypatch):
    image, distort = torch.rand(4, 1, 12, 24, 24), BatchModelsGenesis(num_windows=100)
    torch.manual_seed(1)
    expected = distort(image)
    for rank in range(2):
        monkeypatch.setattr(idist, "get_rank", lambda rank=rank: rank)
        monkeypatch.setattr(idist, "get_world_size", lambda: 2)
        torch.manual_seed(1)
        assert torch.equal(distort(image[rank::2].contiguous()), expected[rank::2])
