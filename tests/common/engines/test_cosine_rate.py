from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from common.engines import CosineRate
from common.errors import InputError


def rates(num_steps: int, **arguments) -> list[list[float]]:
    a, b = nn.Parameter(torch.zeros(1)), nn.Parameter(torch.zeros(1))
    optimizer = torch.optim.SGD([{"params": [a]}, {"params": [b], "constant": True}], lr=0.5)
    schedule = CosineRate(optimizer, num_steps, **arguments)
    found = []
    for _ in range(num_steps):
        found.append([group["lr"] for group in optimizer.param_groups])
        optimizer.step()
        schedule.step()
    return found


def test_a_constant_group_keeps_its_rate_while_the_others_follow_the_cosine():
    found = rates(10)
    assert [b for _, b in found] == [0.5] * 10
    assert [a for a, _ in found] == pytest.approx([0.25 * (1 + math.cos(math.pi * k / 10)) for k in range(10)])


def test_the_rate_rises_during_the_warmup():
    first = [a for a, _ in rates(20, warmup_steps=3)][:5]
    expected = [0.25 * (1 + math.cos(math.pi * k / 20)) * min((k + 1) / 4, 1) for k in range(5)]
    assert first == pytest.approx(expected)


def test_a_warmup_that_is_as_long_as_the_run_is_one_line():
    with pytest.raises(InputError, match="num_steps, warmup_steps: 3, 3"):
        rates(3, warmup_steps=3)
