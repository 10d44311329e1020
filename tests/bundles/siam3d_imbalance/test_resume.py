"""A run that is killed and started again ends with the weights of one that was never killed."""

from __future__ import annotations

import pandas as pd
import pytest
import torch

from tests.bundles.commands import PROJECT, run_bundle
from tests.bundles.killing import assert_equal, kill_after
from tests.bundles.recorder import read_steps

CONFIG = PROJECT / "bundles/siam3d_imbalance/configs/pretrain.yaml"
RECORDER = """
+train#handlers:
- _target_: tests.bundles.recorder.StepRecorder
  folder: '@output_dir'
"""


@pytest.fixture
def arguments(brain_phantoms, tmp_path) -> dict:
    (tmp_path / "recorder.yaml").write_text(RECORDER)
    return {
        "run_id": "training",
        "configs": [CONFIG, tmp_path / "recorder.yaml"],
        "dataset_dir": brain_phantoms,
        "cache_dir": tmp_path / "cache",
        "box_size": [27, 27, 27],
        "channels": [4, 4, 4, 4],
        "batch_size": 2,
        "candidates_per_cluster": 3,
        "max_epochs": 3,
        "save_interval": 1,
    }


@pytest.mark.slow
@pytest.mark.parametrize(("strategy", "features"), [("se", "bank"), ("se", "fresh"), ("re", "fresh")])
def test_a_run_killed_within_an_epoch_ends_with_the_same_weights(strategy, features, arguments, tmp_path):
    arguments |= {"strategy": strategy, "features": features}
    arguments["batch_size"] = {"se": 2, "re": 4}[strategy]  # re clusters the batch itself: at least k samples
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert run_bundle(**arguments, output_dir=whole).returncode == 0
    epoch_length = len(read_steps(whole)) // 3
    kill_after(epoch_length + 2, killed, arguments)
    assert not (killed / "model.pt").exists()
    again = run_bundle(**arguments, output_dir=killed)
    assert again.returncode == 0 and f"Going on from {killed}" in again.stdout
    expected, found = (torch.load(folder / "checkpoint.pt", weights_only=True) for folder in (whole, killed))
    assert_equal(expected, found, ignore="seconds")
    assert_equal(*(torch.load(folder / "model.pt", weights_only=True) for folder in (whole, killed)))
    rows = [pd.read_csv(folder / "metrics.csv").drop(columns="seconds") for folder in (whole, killed)]
    pd.testing.assert_frame_equal(*rows, check_exact=True)
    last = {step["iteration"]: step for step in read_steps(killed)}  # a step done twice is the same step
    assert list(last.values()) == read_steps(whole)
