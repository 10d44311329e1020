from __future__ import annotations

import logging

import pytest
import torch
from ignite.engine import Engine

from common.distributed import concatenate
from common.errors import InputError
from common.handlers import CollapseMonitor
from common.handlers.collapse import (
    alignment,
    feature_std,
    knn_accuracy,
    knn_balanced_accuracy,
    own_key_rank,
    uniformity,
)
from common.networks import MomentumContrastOutput, SiameseOutput


def engine_of(
    features: torch.Tensor, labels: torch.Tensor | None = None, second: torch.Tensor | None = None
) -> tuple[Engine, list]:
    size = 4
    batches = []
    for start in range(0, len(features), size):
        index = torch.arange(start, min(start + size, len(features)))
        batches.append({"index": index} | ({} if labels is None else {"label": labels[index]}))

    def step(engine, batch):
        rows = features[batch["index"]]
        pred = SiameseOutput(rows, rows, rows, rows if second is None else second[batch["index"]])
        return {"pred": pred, "loss": torch.zeros(())}

    return Engine(step), batches


def test_an_even_spread_has_std_one_and_equal_features_zero():
    torch.manual_seed(0)
    assert feature_std(torch.randn(2000, 64)) == pytest.approx(1.0, abs=0.02)
    assert feature_std(torch.ones(10, 64)) == 0.0


def test_std_is_that_of_the_normalised_dimensions():
    features = torch.tensor([[3.0, 0.0], [0.0, 5.0]])  # normalised: (1, 0) and (0, 1), std 1/2 in each dimension
    assert feature_std(features) == pytest.approx(0.5 * 2**0.5)


def test_knn_is_a_leave_one_out_vote():
    features = torch.tensor([[1.0, 0.0], [1.0, 0.1], [1.0, -0.1], [0.0, 1.0], [0.1, 1.0]])
    labels = torch.tensor([0, 0, 0, 1, 0])
    assert knn_accuracy(features, labels, num_neighbours=1) == pytest.approx(3 / 5)


def test_metrics_of_an_epoch_are_those_of_all_its_samples():
    torch.manual_seed(0)
    features, labels = torch.randn(22, 8), torch.arange(22) % 2
    engine, batches = engine_of(features, labels)
    CollapseMonitor().attach(engine)
    engine.run(batches)
    assert engine.state.metrics["feature_std"] == pytest.approx(feature_std(features))
    assert engine.state.metrics["knn_accuracy"] == pytest.approx(knn_accuracy(features, labels))
    values = torch.linalg.svdvals(features - features.mean(0))
    share = values / values.sum()
    assert engine.state.metrics["effective_rank"] == pytest.approx(
        float((-(share * share.log()).sum()).exp()), rel=1e-4
    )


def test_a_sample_that_is_seen_often_counts_once_with_its_latest_feature():
    features = torch.randn(8, 4)
    engine, batches = engine_of(features)
    CollapseMonitor().attach(engine)
    engine.run([*batches, *batches])
    assert engine.state.metrics["feature_std"] == pytest.approx(feature_std(features))


def test_collapse_warns_after_its_patience(caplog):
    engine, batches = engine_of(torch.ones(8, 4))
    CollapseMonitor(patience=2).attach(engine)
    with caplog.at_level(logging.WARNING):
        engine.run(batches, max_epochs=1)
        assert "collapsing" not in caplog.text
        engine.run(batches, max_epochs=2)
    assert "collapsing" in caplog.text


def test_collapse_stops_the_run_when_asked():
    engine, batches = engine_of(torch.ones(8, 4))
    CollapseMonitor(patience=2, stop=True).attach(engine)
    with pytest.raises(InputError, match="epoch 2: the features are collapsing"):
        engine.run(batches, max_epochs=5)


def test_healthy_features_warn_of_nothing(caplog):
    torch.manual_seed(0)
    engine, batches = engine_of(torch.randn(16, 4))
    CollapseMonitor(patience=1).attach(engine)
    with caplog.at_level(logging.WARNING):
        engine.run(batches, max_epochs=3)
    assert "collapsing" not in caplog.text


def test_features_that_are_not_finite_stop_the_run_in_one_line():
    features = torch.randn(8, 4)
    features[5, 2] = torch.nan
    engine, batches = engine_of(features)
    CollapseMonitor().attach(engine)
    with pytest.raises(InputError, match="epoch 1: features of 1 of 8 samples are not finite; lower learning_rate"):
        engine.run(batches)


def test_features_of_two_dimensions_among_many_warn_although_their_spread_is_even(caplog):
    torch.manual_seed(0)
    engine, batches = engine_of(torch.randn(64, 2) @ torch.randn(2, 32))
    CollapseMonitor(patience=2).attach(engine)
    with caplog.at_level(logging.WARNING):
        engine.run(batches, max_epochs=2)
    assert engine.state.metrics["feature_std"] > 0.5
    assert "effective rank" in caplog.text and "(at least 3)" in caplog.text


def test_a_sample_that_does_not_find_its_second_view_is_reported_while_the_run_goes_on(caplog):
    torch.manual_seed(0)
    engine, batches = engine_of(torch.randn(64, 16), second=torch.randn(64, 16))
    CollapseMonitor(patience=2).attach(engine)
    with caplog.at_level(logging.WARNING):
        engine.run(batches, max_epochs=1)
        assert "nothing is learnt" not in caplog.text
        engine.run(batches, max_epochs=2)
    assert "epoch 2: nothing is learnt for 2 epochs" in caplog.text
    assert engine.state.metrics["epochs_at_chance"] == 2


def test_own_key_rank_is_the_share_of_nearer_keys():
    torch.manual_seed(0)
    first, second = torch.randn(9, 4), torch.randn(9, 4)
    a, b = (torch.nn.functional.normalize(x, dim=1) for x in (first, second))
    naive = [sum(float(a[i] @ b[j] > a[i] @ b[i]) for j in range(9) if j != i) / 8 for i in range(9)]
    assert own_key_rank(first, second) == pytest.approx(sum(naive) / 9)
    assert own_key_rank(first, first) == 0.0
    assert own_key_rank(torch.ones(9, 4), torch.ones(9, 4)) == pytest.approx(0.5)


def test_alignment_and_uniformity_are_their_definitions():
    torch.manual_seed(0)
    first, second = torch.randn(5, 3), torch.randn(5, 3)
    a, b = (torch.nn.functional.normalize(x, dim=1) for x in (first, second))
    assert alignment(first, second) == pytest.approx(float(sum((a[i] - b[i]).norm() ** 2 for i in range(5)) / 5))
    pairs = [torch.exp(-2 * (a[i] - a[j]).norm() ** 2) for i in range(5) for j in range(i)]
    assert uniformity(first) == pytest.approx(float(torch.stack(pairs).mean().log()))
    assert uniformity(torch.ones(5, 3)) == 0.0


def test_balanced_knn_of_features_that_say_nothing_is_chance_whatever_the_class_sizes():
    torch.manual_seed(0)
    features, labels = torch.randn(2000, 8), (torch.arange(2000) % 10 == 0).long()
    assert knn_accuracy(features, labels) > 0.85
    assert knn_balanced_accuracy(features, labels) == pytest.approx(0.5, abs=0.06)
    features[labels == 1] += 5.0
    assert knn_balanced_accuracy(features, labels) > 0.95


def test_a_loss_that_stays_is_reported_where_own_keys_are_found(caplog):
    torch.manual_seed(0)
    engine, batches = engine_of(torch.randn(16, 8))
    CollapseMonitor(patience=2).attach(engine)
    with caplog.at_level(logging.WARNING):
        engine.run(batches, max_epochs=2)
        assert "no fall" not in caplog.text
        engine.run(batches, max_epochs=3)
    assert "epoch 3: no fall of the loss beyond its noise for 2 epochs: it is 0 (in epoch 1: 0);" in caplog.text
    assert (engine.state.metrics["epochs_unlearnt"], engine.state.metrics["epochs_at_chance"]) == (2, 0)


@pytest.mark.parametrize(("separable", "warns"), [(True, False), (False, True)])
def test_labels_that_neighbours_do_not_share_are_reported_once_after_ten_epochs(separable, warns, caplog):
    torch.manual_seed(0)
    features, labels = torch.randn(60, 8), torch.arange(60) % 3
    features[:, :3] += 5 * separable * torch.nn.functional.one_hot(labels, 3)
    engine, batches = engine_of(features, labels)
    CollapseMonitor().attach(engine)
    with caplog.at_level(logging.WARNING):
        engine.run(batches, max_epochs=9)
        assert "kNN" not in caplog.text
        engine.run(batches, max_epochs=25)
    found = [record.message for record in caplog.records if "kNN" in record.message]
    assert [line.partition(" (")[0] for line in found] == warns * [
        "epoch 10: kNN's balanced accuracy is that of chance for 10 epochs"
    ]


def test_one_class_alone_is_at_no_chance(caplog):
    engine, batches = engine_of(torch.randn(16, 8), torch.zeros(16, dtype=torch.long))
    CollapseMonitor().attach(engine)
    with caplog.at_level(logging.WARNING):
        engine.run(batches, max_epochs=11)
    assert "kNN" not in caplog.text


@pytest.mark.parametrize(("alignments", "unlearnt"), [((0.7, 0.6, 0.7, 0.6, 0.65), 3), ((0.7, 0.6, 0.3, 0.2, 0.1), 0)])
def test_with_a_queue_a_loss_above_the_second_epoch_s_counts_unless_own_keys_come_nearer(alignments, unlearnt, caplog):
    monitor = CollapseMonitor(patience=2)
    engine = Engine(lambda engine, batch: None)
    output = MomentumContrastOutput(torch.eye(4), torch.eye(4))
    with caplog.at_level(logging.WARNING):
        for epoch, distance in enumerate(alignments, start=1):
            engine.state.epoch, engine.state.batch = epoch, {"index": torch.arange(4)}
            engine.state.output = {"pred": output, "loss": torch.tensor(0.5 if epoch == 1 else 3.0)}
            monitor._collect(engine)
            monitor._judge_loss(engine, distance)
    assert monitor.epochs_unlearnt == unlearnt
    assert ("it is 3 (in epoch 2: 3)" in caplog.text) == (unlearnt > 0)


@pytest.mark.parametrize(("weighted", "unlearnt"), [(-0.6, 0), (-0.4, 4)])
def test_the_loss_of_re_is_compared_with_its_first_weighted_epoch(weighted, unlearnt):
    """Weights of at least 1 make a negative loss lower, whether or not anything is learnt."""
    monitor, engine = CollapseMonitor(), Engine(lambda engine, batch: None)
    rows = torch.eye(4)
    for epoch, loss in enumerate([-0.3, -0.4, *[weighted] * 4], start=1):
        engine.state.epoch, engine.state.batch = epoch, {"index": torch.arange(4)}
        engine.state.batch |= {"weight": torch.full((4,), 1.3)} if epoch > 1 else {}
        engine.state.output = {"pred": SiameseOutput(rows, rows, rows, rows), "loss": torch.tensor(loss)}
        for _ in range(4):
            monitor._collect(engine)
        state, monitor = monitor.state_dict(), CollapseMonitor()
        monitor.load_state_dict(state)
        monitor._judge_loss(engine, 0.5)
    assert (monitor.first_epoch, monitor.epochs_unlearnt) == (2, unlearnt)


@pytest.mark.parametrize("chance", [None, 1.0])
def test_a_checkpoint_of_an_earlier_version_is_continued_without_a_verdict_on_its_loss(chance, caplog):
    torch.manual_seed(0)
    old = {"index": torch.arange(8), "feature": torch.randn(8, 4), "second": torch.randn(8, 4)}
    monitor = CollapseMonitor()
    monitor.load_state_dict({"epochs_below": 1, "epochs_at_chance": 1, "collected": old})
    assert (monitor.epochs_below, monitor.epochs_at_chance, monitor.epochs_unlearnt) == (1, 1, 0)
    engine, batches = engine_of(torch.randn(16, 4))
    engine.loss_function = type("Loss", (), {"chance": lambda self, output: chance})()
    monitor.attach(engine)
    engine.run(batches, max_epochs=3)
    assert engine.state.metrics["epochs_unlearnt"] == 0 and "no fall" not in caplog.text


def test_rows_of_a_checkpoint_come_to_the_device_of_the_run():
    joined = concatenate([torch.zeros(3, 2), torch.zeros(1, 2, device="meta")])
    assert joined.shape == (4, 2) and joined.device.type == "meta"
