from __future__ import annotations

import math

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from scipy.ndimage import map_coordinates

from common.errors import InputError
from common.transforms import BatchRandResizedCrop
from common.transforms.crop import crop_boxes

RATIO = (3 / 4, 4 / 3)


def draws(count: int, dims: int) -> torch.Tensor:
    return torch.rand(count, 2 * dims, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def naive_crop(image: np.ndarray, sides: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Each output pixel's centre, at the same part of the box as of the output, read from the image by scipy."""
    axes = []
    for length, side, corner in zip(image.shape, sides, start, strict=True):
        axes.append([(corner + side * (i + 0.5) / length) * length - 0.5 for i in range(length)])
    return map_coordinates(image, np.meshgrid(*axes, indexing="ij"), order=1, mode="nearest")


def test_the_box_is_stretched_as_a_loop_over_pixels_and_scipy_do(images):
    dims = images.ndim - 2
    uniform = draws(4, dims)
    view = BatchRandResizedCrop(1.0, scale=[0.2, 0.9]).apply(images, uniform)
    sides, start = crop_boxes(uniform, dims, (0.2, 0.9), RATIO)
    for i in range(4):
        for channel, original in zip(view[i], images[i], strict=True):
            expected = naive_crop(original.numpy(), sides[i].numpy(), start[i].numpy())
            np.testing.assert_allclose(channel.numpy(), expected, atol=0.05)  # of 255: float32 coordinates


def test_on_whole_pixels_it_is_the_crop_resized_by_torch():
    image = torch.rand(1, 1, 40, 40)
    uniform = torch.tensor([[0.0, 0.5, 0.5, 0.5]], dtype=torch.float64)  # a quarter of the area, square, in the middle
    view = BatchRandResizedCrop(1.0, scale=[0.25, 0.25]).apply(image, uniform)
    expected = F.interpolate(image[..., 10:30, 10:30], size=(40, 40), mode="bilinear", align_corners=False)
    # at the crop's edge torch repeats its last pixel, where the image has a neighbour
    torch.testing.assert_close(view[..., 1:-1, 1:-1], expected[..., 1:-1, 1:-1], rtol=0, atol=1e-5)


def test_the_whole_image_comes_back(images):
    view = BatchRandResizedCrop(1.0, scale=[1, 1], ratio=[1, 1])(images)
    torch.testing.assert_close(view, images, rtol=0, atol=0.02)


def test_with_probability_0_the_batch_comes_back_itself(images):
    assert BatchRandResizedCrop(0.0)(images) is images


@pytest.mark.parametrize("dims", [2, 3])
def test_boxes_lie_inside_and_have_the_area_and_ratio_drawn(dims):
    uniform = draws(5000, dims)
    sides, start = crop_boxes(uniform, dims, (0.1, 0.4), RATIO)
    assert sides.max() <= 1 and start.min() >= 0 and (start + sides).max() <= 1
    ratio = sides[:, 1] / sides[:, 0]
    assert ratio.min() >= 3 / 4 - 1e-9 and ratio.max() <= 4 / 3 + 1e-9
    # uniform area and logarithm of the ratio, as torchvision draws them; no side was cut at these areas
    area = sides.prod(1)
    torch.testing.assert_close(area, 0.1 + 0.3 * uniform[:, 0])
    expected = math.log(3 / 4) + (math.log(4 / 3) - math.log(3 / 4)) * uniform[:, 1]
    torch.testing.assert_close(ratio.log(), expected)


def test_a_side_longer_than_the_image_is_cut_to_it():
    sides, start = crop_boxes(torch.tensor([[1.0, 1.0, 0.7, 0.7]], dtype=torch.float64), 2, (0.5, 1.0), RATIO)
    torch.testing.assert_close(sides, torch.tensor([[math.sqrt(3 / 4), 1.0]], dtype=torch.float64))
    assert start[0, 1] == 0


def test_a_background_of_zeros_stays_zero():
    image = torch.zeros(8, 1, 30, 30)
    image[..., 10:20, 10:20] = 1
    view = BatchRandResizedCrop(1.0)(image)
    assert view.min() >= 0 and view.max() <= 1 + 1e-6
    assert (view == 0).flatten(1).any(1).all() and (view > 0.5).flatten(1).any(1).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [({"scale": [0, 1]}, "scale is"), ({"scale": [0.5, 1.5]}, "scale is"), ({"ratio": [2, 1]}, "ratio is")],
)
def test_impossible_ranges_are_reported(arguments, message):
    with pytest.raises(InputError, match=f"BatchRandResizedCrop: {message}"):
        BatchRandResizedCrop(1.0, **arguments)
