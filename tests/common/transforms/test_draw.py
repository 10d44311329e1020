from __future__ import annotations

import math

import pytest
import torch

from common.errors import InputError
from common.transforms.draw import check_fraction, check_range, fill_range, rand_rows


class Owner:
    pass


@pytest.mark.parametrize("world_size", [2, 3])
def test_processes_together_draw_what_one_draws_for_the_joined_batch(play_process, world_size):
    torch.manual_seed(7)
    joined = rand_rows(6, 5)
    state = torch.get_rng_state()
    for rank in range(world_size):
        play_process(rank, world_size)
        torch.manual_seed(7)
        assert torch.equal(rand_rows(6 // world_size, 5), joined[rank::world_size])
        assert torch.equal(torch.get_rng_state(), state)


def test_numbers_fill_the_range():
    torch.manual_seed(0)
    numbers = fill_range(rand_rows(5000, 1), (-2.0, 6.0))
    assert -2 <= numbers.min() < -1.98 and 5.98 < numbers.max() < 6
    assert abs(numbers.mean() - 2) < 4 * 8 / math.sqrt(12 * 5000)


def test_one_number_is_a_symmetric_range():
    assert check_range(Owner(), "shift", 0.05) == (-0.05, 0.05)
    assert check_range(Owner(), "shift", [0, 1]) == (0.0, 1.0)


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ([1.3, 0.7], r"Owner: scale is \[1.3, 0.7\], which is reversed"),
        (-0.5, "reversed"),
        ([0.7], "expected two finite numbers"),
        ("0.7", "expected two finite numbers"),
        ("ab", "expected two finite numbers"),
        ([0.5, float("nan")], "expected two finite numbers"),
        ([0.0, 1.0], "expected numbers from 0.1 to 2"),
        ([1.0, 3.0], "expected numbers from 0.1 to 2"),
    ],
)
def test_an_impossible_range_is_refused_in_one_line(value, complaint):
    with pytest.raises(InputError, match=complaint) as error:
        check_range(Owner(), "scale", value, 0.1, 2)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan"), "1", None, True])
def test_a_probability_is_a_number_from_0_to_1(value):
    with pytest.raises(InputError, match=r"Owner: prob is .*; expected a number from 0 to 1"):
        check_fraction(Owner(), "prob", value)
