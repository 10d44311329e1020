"""MONAI's padding and resizing in the order in which liver_cgc uses them: pad up, shrink down, pad the rest."""

from __future__ import annotations

import pytest
import torch
from monai.transforms import Compose, Resized, SpatialPadd

SIZE = (200, 200)
FIT = Compose(
    [
        SpatialPadd("image", SIZE),
        Resized("image", SIZE[0], size_mode="longest", mode="area"),
        SpatialPadd("image", SIZE),
    ]
)


@pytest.mark.parametrize("shape", [(160, 130), (199, 200), (200, 200), (1, 77)])
def test_smaller_images_keep_their_pixels_bit_for_bit_amid_zeros(shape):
    image = torch.rand(3, *shape) + 0.5
    result = FIT({"image": image})["image"].as_tensor()
    assert result.shape == (3, *SIZE)
    top, left = ((size - length) // 2 for size, length in zip(SIZE, shape, strict=True))
    assert torch.equal(result[:, top : top + shape[0], left : left + shape[1]], image)
    assert torch.count_nonzero(result) == image.numel()


@pytest.mark.parametrize("shape", [(400, 300), (260, 230), (250, 150), (120, 300)])
def test_larger_images_keep_their_aspect(shape):
    """A disc stays a disc, of the diameter that the longer side's factor gives."""
    grid = torch.stack(torch.meshgrid(*[torch.arange(n) - (n - 1) / 2 for n in shape], indexing="ij"))
    diameter = 0.8 * min(shape)
    image = (grid.norm(dim=0) < diameter / 2).float()[None].expand(3, -1, -1)
    result = FIT({"image": image})["image"].as_tensor()
    assert result.shape == (3, *SIZE)
    expected = diameter * SIZE[0] / max(shape)
    for axis in (0, 1):
        across = (result[0].amax(axis) > 0.5).sum().item()
        assert abs(across - expected) <= 2


def test_shrinking_averages_and_does_not_skip_pixels():
    image = (torch.arange(400).view(1, -1, 1) % 2).float().expand(1, 400, 400)
    torch.testing.assert_close(FIT({"image": image})["image"].as_tensor(), torch.full((1, *SIZE), 0.5))
