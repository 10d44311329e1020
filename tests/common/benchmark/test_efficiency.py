from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch
from ignite.engine import Events
from monai.engines import SupervisedTrainer
from monai.inferers import SimpleInferer
from torch import nn

from common.benchmark import Spread, efficiency_table, measure_efficiency, take_turns

STEP, HANDLER, EPOCH_END = 1.0, 0.25, 2.0  # seconds of the fake clock
EPOCH_LENGTH = 4


class FakeClock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.now += seconds


class SlowInferer(SimpleInferer):
    """A network that advances the clock, for the trainer and bare."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__()
        self.clock = clock

    def __call__(self, inputs, network, *args, **kwargs):
        self.clock.sleep(STEP)
        return super().__call__(inputs, network, *args, **kwargs)


@pytest.fixture
def clock(monkeypatch) -> FakeClock:
    clock = FakeClock()
    monkeypatch.setattr("common.benchmark.efficiency.Clock", lambda device, cpu_time: clock)
    return clock


def fake_run(clock: FakeClock, handler: float) -> SimpleNamespace:
    """A run whose handlers advance the clock."""
    network = nn.Linear(3, 1)
    trainer = SupervisedTrainer(
        device=torch.device("cpu"),
        max_epochs=1000,
        train_data_loader=[{"image": torch.rand(2, 3), "label": torch.rand(2, 1)}] * EPOCH_LENGTH,
        network=network,
        optimizer=torch.optim.SGD(network.parameters(), lr=0.1),
        loss_function=nn.MSELoss(),
        inferer=SlowInferer(clock),
        decollate=False,
    )
    trainer.add_event_handler(Events.ITERATION_COMPLETED, lambda: clock.sleep(handler))
    trainer.add_event_handler(Events.EPOCH_COMPLETED, lambda: clock.sleep(EPOCH_END))
    return SimpleNamespace(trainer=trainer, parser={}, setting=lambda name: None, warmup_steps=EPOCH_LENGTH)


@pytest.mark.parametrize("turn", [None, 1, 3])
def test_efficiency_of_a_run_that_sleeps_is_as_computed_by_hand(clock, turn):
    result = measure_efficiency(fake_run(clock, HANDLER), rounds=3, turn=turn)
    whole = EPOCH_LENGTH * (STEP + HANDLER) + EPOCH_END
    assert len(result["rounds"]) == 3
    for row in result["rounds"]:
        assert row["run"] == pytest.approx({"seconds": whole, "samples_per_second": 2 * EPOCH_LENGTH / whole})
        assert row["bare"] == pytest.approx({"seconds": EPOCH_LENGTH * STEP, "samples_per_second": 2 / STEP})
        assert row["efficiency"] == pytest.approx(EPOCH_LENGTH * STEP / whole)
    assert result["summary"]["epoch_ends"] == {"count": 3, "seconds": [EPOCH_END] * 3}
    assert result["summary"]["efficiency_without_epoch_ends"] == pytest.approx(STEP / (STEP + HANDLER))


def test_the_cost_over_plain_is_reported_beside(clock):
    result = measure_efficiency(fake_run(clock, HANDLER), fake_run(clock, 0.0), rounds=2)
    plain = EPOCH_LENGTH * STEP + EPOCH_END
    expected = (plain + EPOCH_LENGTH * HANDLER) / plain
    assert result["summary"]["time_over_plain"] == pytest.approx(dict.fromkeys(("median", "min", "max"), expected))
    assert result["summary"]["efficiency_of_plain"]["median"] == pytest.approx(EPOCH_LENGTH * STEP / plain)
    table = efficiency_table(result)
    assert f"time_over_plain: {expected:.3f} [{expected:.3f}, {expected:.3f}]" in table


def test_contestants_take_turns_and_each_does_all_its_steps():
    clock, order = FakeClock(), []

    def contestant(name: str, seconds: float):
        def do_steps(num_steps: int) -> None:
            order.append((name, num_steps))
            clock.sleep(seconds * num_steps)

        return do_steps

    contestants = {"a": contestant("a", 1.0), "b": contestant("b", 10.0)}
    seconds = take_turns(contestants, rounds=2, steps=5, turn=3, clock=clock)
    assert order == [("a", 3), ("b", 3), ("a", 2), ("b", 2)] * 2
    assert seconds == {"a": [5.0, 5.0], "b": [50.0, 50.0]}


def test_the_spread_is_median_and_range():
    assert Spread.of([3.0, 1.0, 2.0, 10.0]) == (2.5, 1.0, 10.0)
