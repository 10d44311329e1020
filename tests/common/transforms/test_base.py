"""What holds for every random transform."""

from __future__ import annotations

import pytest
import torch

from common.errors import InputError
from common.transforms import (
    BatchRandAdjustContrast,
    BatchRandAffine,
    BatchRandGaussianNoise,
    BatchRandGaussianSharpen,
    BatchRandGaussianSmooth,
    BatchRandResizedCrop,
)
from common.transforms.base import BatchRandTransform

TRANSFORMS = [
    BatchRandAffine,
    BatchRandAdjustContrast,
    BatchRandGaussianNoise,
    BatchRandGaussianSharpen,
    BatchRandGaussianSmooth,
    BatchRandResizedCrop,
]
every_transform = pytest.mark.parametrize("kind", TRANSFORMS)


class Negate(BatchRandTransform):
    """Makes hits visible."""

    def num_parameters(self, spatial_dims):
        return 0

    def apply(self, rows, uniform):
        return rows.neg_()


@pytest.mark.parametrize("prob", [0.0, 0.3, 1.0])
def test_rows_are_hit_with_the_given_probability(prob):
    torch.manual_seed(0)
    hits = (Negate(prob)(torch.ones(4000, 1, 1, 1)) == -1).sum().item()
    assert abs(hits - 4000 * prob) <= 4 * (4000 * prob * (1 - prob)) ** 0.5


@every_transform
@pytest.mark.parametrize("inplace", [False, True])
def test_rows_not_hit_are_untouched_bit_for_bit(kind, inplace, images):
    original = images.clone()
    torch.manual_seed(2)
    hit = torch.rand(4, 1 + kind(0.5).num_parameters(images.ndim - 2), dtype=torch.float64)[:, 0] < 0.5
    assert 0 < hit.sum() < 4
    torch.manual_seed(2)
    view = kind(0.5)(images, inplace=inplace)
    assert torch.equal(view[~hit], original[~hit])
    assert ((view[hit] - original[hit]).abs().flatten(1).amax(1) > 0.01).all()


@every_transform
@pytest.mark.parametrize("prob", [0.5, 1.0])
def test_the_given_batch_stays_as_it_is(kind, prob, images):
    original = images.clone()
    torch.manual_seed(2)
    view = kind(prob)(images)
    assert torch.equal(images, original)
    assert view.shape == images.shape and view.data_ptr() != images.data_ptr()


@every_transform
@pytest.mark.parametrize("prob", [0.5, 1.0])
def test_in_place_gives_the_same(kind, prob, images):
    torch.manual_seed(2)
    expected = kind(prob)(images)
    torch.manual_seed(2)
    assert torch.equal(kind(prob)(images, inplace=True), expected)


@every_transform
def test_each_row_gets_parameters_of_its_own(kind, images):
    same = images[:1].expand_as(images).contiguous()
    view = kind(1.0)(same)
    assert all((view[i] - view[j]).abs().max() > 1e-3 for i in range(4) for j in range(i))


@every_transform
@pytest.mark.parametrize("prob", [0.5, 1.0])
def test_processes_together_make_the_views_of_one_process(kind, prob, images, play_process):
    torch.manual_seed(11)
    joined = kind(prob)(images)
    state = torch.get_rng_state()
    for rank in (0, 1):
        play_process(rank, 2)
        torch.manual_seed(11)
        torch.testing.assert_close(kind(prob)(images[rank::2]), joined[rank::2], rtol=0, atol=1e-3)
        assert torch.equal(torch.get_rng_state(), state)


@every_transform
def test_the_global_cpu_generator_is_all_the_random_state(kind, images):
    torch.manual_seed(5)
    kind(0.5)(images)
    state = torch.get_rng_state()
    following = kind(0.5)(images)
    torch.set_rng_state(state)
    assert torch.equal(kind(0.5)(images), following)


@every_transform
def test_values_stay_in_range(kind, images):
    image = (images * 1.6 - 76).clamp(0, 255)  # plenty of values at both ends
    view = kind(1.0)(image)
    assert view.min() >= -1e-3 and view.max() <= 255 + 1e-3  # interpolation rounds


@every_transform
def test_no_gradient_graph_is_built(kind, images):
    assert not kind(1.0)(images.requires_grad_()).requires_grad


@every_transform
def test_memory_layout_makes_no_difference(kind, images):
    layout = torch.channels_last_3d if images.ndim == 5 else torch.channels_last
    torch.manual_seed(4)
    expected = kind(1.0)(images)
    torch.manual_seed(4)
    torch.testing.assert_close(kind(1.0)(images.to(memory_format=layout)), expected, rtol=0, atol=1e-3)


@every_transform
def test_autocast_does_not_touch_intensities(kind, images):
    torch.manual_seed(4)
    expected = kind(1.0)(images)
    torch.manual_seed(4)
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(kind(1.0)(images), expected)


@every_transform
@pytest.mark.parametrize("batch", [torch.zeros(1, 1, 4, 4, dtype=torch.bfloat16), torch.zeros(1, 4, 4)])
def test_other_batches_are_refused(kind, batch):
    with pytest.raises(InputError, match=f"{kind.__name__}: the batch is .*; expected torch.float32 of shape"):
        kind(1.0)(batch)


@every_transform
def test_an_impossible_probability_is_refused(kind):
    with pytest.raises(InputError, match=f"{kind.__name__}: prob is 1.5; expected a number from 0 to 1"):
        kind(1.5)


@pytest.mark.parametrize("kind", [BatchRandAdjustContrast, BatchRandGaussianNoise, BatchRandGaussianSharpen])
@pytest.mark.parametrize("value_range", [[255, 0], [1, 1]])
def test_an_impossible_range_of_intensities_is_refused(kind, value_range):
    with pytest.raises(InputError, match=f"{kind.__name__}: value_range is .* low <=? high"):
        kind(1.0, value_range=value_range)
