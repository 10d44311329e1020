"""A run that is killed and started again ends with the weights and banks of one that was never killed."""

from __future__ import annotations

import pandas as pd
import pytest
import torch

from tests.bundles.commands import run_bundle
from tests.bundles.killing import assert_equal, kill_after
from tests.bundles.recorder import read_steps

RECORDER = """
+train#handlers:
- _target_: tests.bundles.recorder.StepRecorder
  folder: '@output_dir'
"""


@pytest.mark.slow
@pytest.mark.parametrize("stage", [("pretrain", "negatives"), ("train", "hybrid")], ids=lambda stage: stage[0])
def test_a_run_killed_within_an_epoch_ends_with_the_same_weights(stage, configs, tiny, tmp_path):
    (tmp_path / "recorder.yaml").write_text(RECORDER)
    arguments = tiny | {
        "run_id": "training",
        "configs": [*(configs / f"{name}.yaml" for name in stage), tmp_path / "recorder.yaml"],
        "batch_size": 4,
        "max_epochs": 3,
        "save_interval": 1,
    }
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    finished = run_bundle(**arguments, output_dir=whole)
    assert finished.returncode == 0, finished.stderr[-2000:]
    kill_after(len(read_steps(whole)) // 3 + 2, killed, arguments)
    again = run_bundle(**arguments, output_dir=killed)
    assert again.returncode == 0 and f"Going on from {killed}" in again.stdout
    expected, found = (torch.load(folder / "checkpoint.pt", weights_only=True) for folder in (whole, killed))
    assert_equal(expected, found, ignore="seconds")
    if stage[0] == "pretrain":
        assert {"image", "radiomics", "log_normalizers"} <= found["banks"].keys() and found["banks"]["filled"].all()
        assert "The memory banks are filled" in finished.stdout and "The memory banks are filled" not in again.stdout
    assert_equal(*(torch.load(folder / "model.pt", weights_only=True) for folder in (whole, killed)))
    rows = [pd.read_csv(folder / "metrics.csv").drop(columns="seconds") for folder in (whole, killed)]
    pd.testing.assert_frame_equal(*rows, check_exact=True)
    last = {step["iteration"]: step for step in read_steps(killed)}  # a step done twice is the same step
    assert list(last.values()) == read_steps(whole)
