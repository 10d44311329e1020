from __future__ import annotations

import json

import pandas as pd
import pytest
import torch
from ignite.engine import Engine, Events

from common.errors import InputError
from common.handlers import MetricsWriter


def trainer(losses: list[float]) -> tuple[Engine, list[int]]:
    engine = Engine(lambda engine, i: {"loss": torch.tensor(losses[engine.state.iteration - 1])})
    engine.add_event_handler(Events.EPOCH_COMPLETED, lambda engine: engine.state.metrics.update(auc=0.5))
    return engine, [0, 1]


def test_both_files_hold_the_mean_loss_and_the_metrics_of_each_epoch(tmp_path):
    engine, data = trainer([1.0, 2.0, 3.0, 5.0])
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.25)
    MetricsWriter(tmp_path, optimizer).attach(engine)
    engine.run(data, max_epochs=2)
    table = pd.read_csv(tmp_path / "metrics.csv")
    assert table[["epoch", "iteration", "auc", "loss", "learning_rate"]].values.tolist() == [
        [1, 2, 0.5, 1.5, 0.25],
        [2, 4, 0.5, 4.0, 0.25],
    ]
    assert json.loads((tmp_path / "metrics.json").read_text())[1]["loss"] == 4.0


def test_a_loss_that_is_not_finite_stops_the_run(tmp_path):
    engine, data = trainer([1.0, float("nan")])
    MetricsWriter(tmp_path).attach(engine)
    with pytest.raises(InputError, match="epoch 1: the mean loss is nan; lower learning_rate"):
        engine.run(data)


def test_rows_and_running_sums_survive_a_checkpoint(tmp_path):
    engine, data = trainer([1.0, 2.0, 3.0, 5.0])
    writer = MetricsWriter(tmp_path)
    writer.attach(engine)
    states = []
    engine.add_event_handler(Events.ITERATION_COMPLETED, lambda engine: states.append(dict(writer.state_dict())))
    engine.run(data, max_epochs=2)
    other = MetricsWriter(tmp_path / "resumed")
    other.load_state_dict(states[0] | {"rows": []})
    other._add_loss(engine)  # the step with loss 5
    other.write(engine)
    assert other.rows[0]["loss"] == pytest.approx((1 + 5) / 2)
