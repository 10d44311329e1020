from __future__ import annotations

import pytest
import torch

from common.errors import InputError
from common.transforms import BatchOneOf, BatchRandGaussianSharpen, BatchRandGaussianSmooth
from common.transforms.base import BatchRandTransform


class Add(BatchRandTransform):
    """Adds a constant: the sum shows what was applied."""

    def __init__(self, prob, constant):
        super().__init__(prob)
        self.constant = constant

    def num_parameters(self, spatial_dims):
        return 0

    def apply(self, rows, uniform):
        return rows.add_(self.constant)


def counts(transform, size=6000):
    torch.manual_seed(0)
    view = transform(torch.zeros(size, 1, 1, 1)).flatten().long()
    return torch.bincount(view, minlength=12)


def test_each_row_gets_exactly_one_by_weight():
    found = counts(BatchOneOf([Add(1.0, 1), Add(1.0, 10)], weights=[1, 3]))
    assert found[1] + found[10] == 6000
    assert abs(found[1] - 1500) < 4 * (6000 * 0.25 * 0.75) ** 0.5


def test_each_transform_keeps_its_own_probability():
    found = counts(BatchOneOf([Add(0.5, 1), Add(1.0, 10)]))
    assert found[11] == 0
    assert abs(found[1] - 1500) < 150 and abs(found[10] - 3000) < 160 and abs(found[0] - 1500) < 150


def test_a_weight_of_zero_is_never_chosen():
    assert counts(BatchOneOf([Add(1.0, 1), Add(1.0, 10), Add(1.0, 2)], weights=[0, 1, 0]))[10] == 6000


def test_it_nests():
    found = counts(BatchOneOf([Add(1.0, 1), BatchOneOf([Add(1.0, 2), Add(1.0, 3)])]))
    assert found[1:4].sum() == 6000
    assert abs(found[1] - 3000) < 160 and abs(found[2] - 1500) < 150


def test_the_given_batch_stays_as_it_is(images):
    original = images.clone()
    transform = BatchOneOf([BatchRandGaussianSharpen(1.0), BatchRandGaussianSmooth(1.0)])
    torch.manual_seed(1)
    view = transform(images)
    assert torch.equal(images, original) and not torch.equal(view, original)
    torch.manual_seed(1)
    assert torch.equal(transform(images, inplace=True), view)


@pytest.mark.parametrize(
    ("number", "weights", "complaint"),
    [
        (0, None, "0 transforms with 0 weights"),
        (2, [1.0], "2 transforms with 1 weights"),
        (2, [1.0, -1.0], "expected numbers from 0 to inf"),
        (2, [0.0, 0.0], "expected at least one above 0"),
    ],
)
def test_impossible_weights_are_refused(number, weights, complaint):
    with pytest.raises(InputError, match=f"BatchOneOf: .*{complaint}"):
        BatchOneOf([Add(1.0, 1)] * number, weights)
