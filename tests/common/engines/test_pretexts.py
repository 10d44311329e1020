"""Batches of the pretext tasks that the hybrid network is compared with."""

from __future__ import annotations

import torch

from common.engines import PrepareJigsaw, PrepareRestoration
from common.transforms import BatchRandFlip, BatchRandMaskingNoise, JigsawTiles


def test_the_clean_image_is_the_augmented_one_and_the_corrupted_differs_by_its_zeros():
    image = torch.rand(3, 2, 20, 20) + 0.1
    prepare = PrepareRestoration(BatchRandMaskingNoise(), augment=BatchRandFlip(1.0), memory_format=torch.channels_last)
    corrupted, clean = prepare({"image": image.half()})
    assert torch.equal(clean, image.half().float().flip(2))
    zeros = corrupted == 0
    assert 0.15 < zeros.float().mean() < 0.35 and torch.equal(corrupted[~zeros], clean[~zeros])
    assert corrupted.is_contiguous(memory_format=torch.channels_last)


def test_tiles_are_cut_from_the_augmented_image():
    image, tiles = torch.rand(3, 2, 20, 20), JigsawTiles(grid=2, num_permutations=5, tile_share=1.0)
    torch.manual_seed(0)
    expected = tiles(image + 1)
    torch.manual_seed(0)
    found = PrepareJigsaw(tiles, augment=lambda image: image + 1)({"image": image})
    assert all(torch.equal(a, b) for a, b in zip(found, expected, strict=True))
