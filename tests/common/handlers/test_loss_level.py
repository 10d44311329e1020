from __future__ import annotations

import pytest
import torch

from common.handlers.loss_level import LossLevel


def verdicts(epochs: torch.Tensor, chance: float | None = None) -> list[bool]:
    level, found = LossLevel(), []
    for steps in epochs:
        for loss in steps:
            level.add(loss)
        found.append(level.has_fallen(chance))
    return found


@pytest.mark.parametrize("steps", [1, 4, 30])
def test_noise_alone_is_no_fall_whatever_the_number_of_steps(steps):
    torch.manual_seed(0)
    runs = [verdicts(2 + 0.3 * torch.randn(3, steps)) for _ in range(100)]
    assert all(first for first, *_ in runs)  # nothing to compare with
    assert sum(second or third for _, second, third in runs) <= 25  # 2 to 3 % at each, more of one step


@pytest.mark.parametrize("steps", [4, 30])
def test_a_fall_beyond_its_noise_is_one(steps):
    torch.manual_seed(0)
    falling = torch.tensor([2.0, 1.4, 1.0])[:, None] + 0.2 * torch.randn(3, steps)
    assert verdicts(falling) == [True, True, True]


def test_a_loss_that_falls_to_chance_has_not_fallen():
    torch.manual_seed(0)
    epochs = torch.tensor([6.0, 4.6, 4.6, 4.0])[:, None] + 0.05 * torch.randn(4, 10)
    assert verdicts(epochs) == [True, True, True, True]
    assert verdicts(epochs, chance=4.6) == [False, False, False, True]


def test_a_loss_that_grows_again_is_reported_again():
    assert verdicts(torch.tensor([[2.0, 2.1], [1.0, 1.1], [2.1, 2.0]])) == [True, True, False]


def test_a_resumed_epoch_has_the_verdict_of_a_whole_one():
    torch.manual_seed(0)
    losses = torch.rand(3, 4)
    whole, parts = LossLevel(), LossLevel()
    for number, loss in enumerate(losses.flatten()):
        if number == 6:
            state, parts = parts.state_dict(), LossLevel()
            parts.load_state_dict(state)
        whole.add(loss)
        parts.add(loss)
        if number % 4 == 3:
            assert whole.has_fallen(0.6) == parts.has_fallen(0.6)
    assert whole.state_dict() == parts.state_dict()
