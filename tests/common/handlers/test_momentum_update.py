from __future__ import annotations

import copy
import math

import pytest
import torch
from ignite.engine import Engine, Events
from torch import nn

from common.errors import InputError
from common.handlers import MomentumUpdate


def network(seed: int) -> nn.Module:
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.Flatten(), nn.Linear(12, 2))
    net.train()(torch.rand(5, 1, 4, 4))
    return net


def run(
    handler: MomentumUpdate, online: nn.Module, epochs: int = 2, length: int = 3, state: dict | None = None
) -> Engine:
    """Each iteration sets the online parameters to its number."""

    def step(engine, batch):
        with torch.no_grad():
            for parameter in online.parameters():
                parameter.fill_(engine.state.iteration)

    engine = Engine(step)
    handler.attach(engine)
    if state is not None:
        engine.load_state_dict(state)
    engine.run(range(length), max_epochs=epochs, epoch_length=length)
    return engine


def test_the_fused_update_equals_a_loop_over_the_parameters():
    online, target = network(0), network(1)
    expected = copy.deepcopy(target)
    MomentumUpdate(online, target, momentum=0.9, schedule="constant")(_at(1, 10))
    with torch.no_grad():
        for old, new in zip(expected.parameters(), online.parameters(), strict=True):
            old.mul_(0.9).add_(0.1 * new)
    for found, wanted in zip(target.parameters(), expected.parameters(), strict=True):
        torch.testing.assert_close(found, wanted)


def test_buffers_are_copied_with_the_counter_of_batches():
    online, target = network(0), network(1)
    online(torch.rand(5, 1, 4, 4))
    MomentumUpdate(online, target)(_at(1, 10))
    for found, wanted in zip(target.buffers(), online.buffers(), strict=True):
        assert torch.equal(found, wanted) and found.data_ptr() != wanted.data_ptr()
    assert target[1].num_batches_tracked == 2


def test_a_network_without_buffers_is_updated_too():
    online, target = nn.Linear(2, 1), nn.Linear(2, 1)
    MomentumUpdate(online, target, momentum=0.0, schedule="constant")(_at(1, 10))
    assert torch.equal(online.weight, target.weight)


def test_the_cosine_is_byol_s_formula_from_the_base_towards_1():
    handler = MomentumUpdate(nn.Linear(1, 1), nn.Linear(1, 1), momentum=0.996)
    found = [handler.momentum_at(k, 100) for k in range(101)]
    assert found[0] == pytest.approx(0.996) and found[50] == pytest.approx(0.998) and found[100] == 1.0
    assert found == pytest.approx([1 - (1 - 0.996) * (math.cos(math.pi * k / 100) + 1) / 2 for k in range(101)])


@pytest.mark.parametrize("schedule", ["cosine", "constant"])
def test_it_follows_each_step_with_the_momentum_of_that_step(schedule):
    online, target = nn.Linear(1, 1), nn.Linear(1, 1)
    expected = target.weight.item()
    run(MomentumUpdate(online, target, momentum=0.5, schedule=schedule), online)
    for k in range(6):
        tau = 0.5 if schedule == "constant" else 1 - 0.5 * (math.cos(math.pi * k / 6) + 1) / 2
        expected = tau * expected + (1 - tau) * (k + 1)
    assert target.weight.item() == pytest.approx(expected, rel=1e-6)


def test_a_resumed_run_goes_on_alike():
    whole, halves = (copy.deepcopy(network(1)) for _ in range(2))
    online = network(0)
    run(MomentumUpdate(online, whole), online, epochs=4)
    online = network(0)

    class InterruptedRunError(Exception):
        pass

    def stop(engine):
        raise InterruptedRunError

    engine = Engine(lambda engine, batch: [p.data.fill_(engine.state.iteration) for p in online.parameters()])
    MomentumUpdate(online, halves).attach(engine)
    engine.add_event_handler(Events.EPOCH_COMPLETED(once=2), stop)
    with pytest.raises(InterruptedRunError):
        engine.run(range(3), max_epochs=4, epoch_length=3)
    run(MomentumUpdate(online, halves), online, epochs=4, state={"iteration": 6, "epoch_length": 3, "max_epochs": 4})
    for found, wanted in zip(halves.parameters(), whole.parameters(), strict=True):
        assert torch.equal(found, wanted)


@pytest.mark.parametrize("momentum", [-0.1, 1.5])
def test_a_momentum_outside_0_to_1_is_one_line(momentum):
    with pytest.raises(InputError, match=r"^momentum: .*expected a number from 0 to 1"):
        MomentumUpdate(nn.Linear(1, 1), nn.Linear(1, 1), momentum)


def test_an_unknown_schedule_is_one_line():
    with pytest.raises(InputError, match=r"^schedule: 'linear'; expected cosine or constant; correct it$"):
        MomentumUpdate(nn.Linear(1, 1), nn.Linear(1, 1), schedule="linear")


def _at(iteration: int, length: int) -> Engine:
    engine = Engine(lambda engine, batch: None)
    engine.state.iteration, engine.state.max_epochs, engine.state.epoch_length = iteration, 1, length
    return engine


def test_a_fitted_momentum_forgets_the_start_within_a_tenth_of_the_run_whatever_its_length():
    online, target = nn.Linear(2, 2), nn.Linear(2, 2)
    for num_steps in (300, 3000):
        handler = MomentumUpdate(online, target, momentum=None)
        kept = 1.0
        for step in range(num_steps // 5):
            kept *= handler.momentum_at(step, num_steps)
        assert kept < 0.2
        assert handler.momentum_at(num_steps - 1, num_steps) > 0.999
    assert MomentumUpdate(online, target, None, "constant").momentum_at(7, 1000) == 0.99
