"""``--tracking mlflow`` and TensorBoard."""

from __future__ import annotations

import math

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from tests.bundles.commands import run_bundle


@pytest.mark.slow
@pytest.mark.parametrize(
    ("config", "options", "num_steps", "metrics"),
    [
        # 15 subjects, 4 at a time, twice
        ("pretrain.yaml", {"strategy": "plain"}, 8, ["loss", "feature_std", "effective_rank"]),
        # 12 of them, 3 left to validate with
        ("train.yaml", {}, 6, ["loss", "auc"]),
    ],
)
def test_mlflow_holds_the_metrics_of_a_training(config, options, num_steps, metrics, configs, tiny, tmp_path):
    mlflow = pytest.importorskip("mlflow")
    output_dir = tmp_path / "tracked"
    overrides = tiny | {"max_epochs": 2, "batch_size": 4, "output_dir": output_dir} | options
    result = run_bundle("training", [configs / config], tracking="mlflow", run_name="first", **overrides)
    assert result.returncode == 0, result.stderr
    client = mlflow.MlflowClient(f"sqlite:///{output_dir}/mlruns.db")
    (experiment,) = [entry for entry in client.search_experiments() if entry.name == "monai_experiment"]
    (run,) = client.search_runs([experiment.experiment_id])
    assert run.info.run_name == "first" and run.info.status == "FINISHED"
    assert all(math.isfinite(run.data.metrics[name]) for name in ["train_loss", *metrics])
    steps = {name: [point.step for point in client.get_metric_history(run.info.run_id, name)] for name in metrics}
    assert steps == {name: [1, 2] for name in metrics}
    losses = client.get_metric_history(run.info.run_id, "train_loss")
    assert [point.step for point in losses] == list(range(1, num_steps + 1))


def test_tensorboard_holds_the_loss_and_the_metrics(run_config, configs, tiny, tmp_path):
    overrides = tiny | {"max_epochs": 2, "batch_size": 2, "candidates_per_cluster": 4, "quiet": False}
    run_config(configs / "pretrain.yaml", output_dir=tmp_path, **overrides)
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert {"step_loss", "loss", "feature_std", "effective_rank", "cluster_share_1"} <= set(events.Tags()["scalars"])
    assert [event.step for event in events.Scalars("feature_std")] == [1, 2]
    assert [event.step for event in events.Scalars("step_loss")] == [10]  # every tenth of 16
