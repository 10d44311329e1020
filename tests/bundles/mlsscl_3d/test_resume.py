"""A run that is killed and started again ends with the weights of one that was never killed."""

from __future__ import annotations

import pandas as pd
import pytest
import torch
from ignite.engine import Events

from tests.bundles.commands import PROJECT
from tests.bundles.killing import assert_equal, kill_after
from tests.bundles.recorder import read_steps

CONFIGS = PROJECT / "bundles/mlsscl_3d/configs"
RECORDER = """
+train#handlers:
- _target_: tests.bundles.recorder.StepRecorder
  folder: '@output_dir'
"""


@pytest.mark.slow
@pytest.mark.usefixtures("one_thread")
def test_a_run_killed_within_an_epoch_ends_with_the_same_weights_targets_and_queues(
    run_config, clips, tmp_path, caplog
):
    (tmp_path / "recorder.yaml").write_text(RECORDER)
    files = [CONFIGS / "pretrain.yaml", tmp_path / "recorder.yaml"]
    options = clips | {"device": "cpu", "amp": "false", "save_interval": 1}
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    run_config(*files, output_dir=whole, **options)
    epoch_length = len(read_steps(whole)) // 2
    kill_after(epoch_length + 2, killed, {"run_id": "training", "configs": files, **options})
    assert not (killed / "model.pt").exists()
    caplog.set_level("INFO")
    run_config(*files, output_dir=killed, **options)
    assert f"Going on from {killed}" in caplog.text
    expected, found = (torch.load(folder / "checkpoint.pt", weights_only=True) for folder in (whole, killed))
    assert "queue" in expected and any(name.startswith("target.") for name in expected["network"])
    assert_equal(expected, found, ignore="seconds")
    assert_equal(*(torch.load(folder / "model.pt", weights_only=True) for folder in (whole, killed)))
    rows = [pd.read_csv(folder / "metrics.csv").drop(columns="seconds") for folder in (whole, killed)]
    pd.testing.assert_frame_equal(*rows, check_exact=True)
    last = {step["iteration"]: step for step in read_steps(killed)}  # a step done twice is the same step
    assert list(last.values()) == read_steps(whole)


def test_a_segmenter_that_was_interrupted_goes_on_with_the_same_patches(open_bundle, run_config, patches, tmp_path):
    options = patches | {"validation_fraction": 0, "batch_size": 1, "max_epochs": 2, "save_interval": 1}
    config = CONFIGS / "train_segmentation.yaml"
    run_config(config, output_dir=tmp_path / "whole", **options)
    interrupted = open_bundle(config, output_dir=tmp_path / "interrupted", **options)
    interrupted.initialize()

    def stop() -> None:
        raise InterruptedError

    interrupted.trainer.add_event_handler(Events.ITERATION_STARTED(once=7), stop)
    with pytest.raises(RuntimeError):
        interrupted.run()
    run_config(config, output_dir=tmp_path / "interrupted", **options)
    expected, found = (
        torch.load(tmp_path / name / "checkpoint.pt", weights_only=True) for name in ("whole", "interrupted")
    )
    assert expected["engine"]["iteration"] == 8
    assert_equal(expected, found, ignore="seconds")
