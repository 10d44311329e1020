from __future__ import annotations

import pytest
import torch
from monai.transforms import NormalizeIntensity

from common.errors import InputError
from common.transforms import BatchAugment, BatchNormalize, BatchRandFlip

MEAN, STD = [0.2962, 0.2055, 0.2000], [0.2527, 0.1727, 0.1644]


@pytest.mark.parametrize("inplace", [False, True])
@pytest.mark.parametrize("shape", [(4, 3, 9, 8), (2, 3, 5, 4, 6)])
def test_each_channel_is_normalised_with_its_own_figures_as_by_monai(shape, inplace):
    image = torch.rand(*shape)
    original = image.clone()
    view = BatchNormalize(MEAN, STD)(image, inplace=inplace)
    for row, before in zip(view, original, strict=True):
        expected = NormalizeIntensity(subtrahend=MEAN, divisor=STD, channel_wise=True)(before.clone())
        torch.testing.assert_close(row, torch.as_tensor(expected), rtol=0, atol=1e-5)
    assert (view is image) == inplace and torch.equal(image, original) != inplace


def test_nothing_is_random():
    image = torch.rand(4, 3, 9, 8)
    state = torch.get_rng_state()
    assert torch.equal(BatchNormalize(MEAN, STD)(image), BatchNormalize(MEAN, STD)(image))
    assert torch.equal(torch.get_rng_state(), state)


def test_rows_that_are_not_meant_stay_bit_for_bit():
    image, among = torch.rand(4, 3, 9, 8), torch.tensor([True, False, False, True])
    view = BatchNormalize(MEAN, STD)(image, among=among)
    assert torch.equal(view[1:3], image[1:3])
    torch.testing.assert_close(view[among], BatchNormalize(MEAN, STD)(image)[among])


def test_as_the_last_of_an_augmentation_it_leaves_the_given_batch_as_it_is():
    image = torch.rand(4, 3, 9, 8)
    original = image.clone()
    view = BatchAugment([BatchRandFlip(1.0), BatchNormalize(MEAN, STD)])(image)
    torch.testing.assert_close(view, BatchNormalize(MEAN, STD)(image.flip(2)))
    assert torch.equal(image, original)


def test_no_gradient_graph_is_built():
    assert not BatchNormalize(MEAN, STD)(torch.rand(1, 3, 4, 4, requires_grad=True)).requires_grad


@pytest.mark.parametrize(
    ("mean", "std"), [([0.1], [0.1, 0.2]), ([0.1], [0.0]), ([0.1], [-1.0]), ([], []), ([float("nan")], [1.0])]
)
def test_impossible_figures_are_reported(mean, std):
    with pytest.raises(InputError, match=r"BatchNormalize: mean is .*, std is .*; expected as many finite numbers"):
        BatchNormalize(mean, std)


def test_another_number_of_channels_is_reported():
    with pytest.raises(InputError, match="the batch has 1 channels; expected 3, one for each mean"):
        BatchNormalize(MEAN, STD)(torch.rand(2, 1, 4, 4))
