"""Two processes train as one does on the joined batch."""

from __future__ import annotations

import pandas as pd
import pytest
import torch

from tests.bundles.commands import run_bundle, run_by_torchrun, run_in_two_processes
from tests.bundles.process_groups import check_two_processes
from tests.bundles.recorder import read_steps

EXACT = """
prepare_batch:
  _target_: tests.bundles.mlsscl_3d.double_clips.DoubleClips
  views: '@views'
  augment: '@augment'
network_start: $@network_def.double()
queue: $@queue_def.double()
learning_rate: 0.0001 # and a slow target: every step multiplies what rounding has put apart
momentum: 0.999
"""


@pytest.mark.slow
def test_two_processes_have_the_clips_the_loss_the_queues_and_the_weights_of_one(configs, clips, tmp_path):
    tolerances = {"loss_tolerance": 1e-6, "rtol": 1e-5, "atol": 1e-7}
    files, parts = [configs / "pretrain.yaml"], ("network", "queue")
    steps, _ = check_two_processes(files, EXACT, tmp_path, parts, **tolerances, **clips)
    assert len(steps) > 4
    assert steps[0]["loss"] == 0 < steps[1]["loss"]  # an empty queue has no negatives


@pytest.mark.slow
def test_two_processes_watch_the_features_of_one(configs, clips, tmp_path):
    files = [configs / name for name in ("pretrain.yaml", "genesis.yaml", "multi_gpu.yaml")]
    options = {key: value for key, value in clips.items() if key != "quiet"} | {"learning_rate": 0.0, "max_epochs": 3}
    single = run_bundle("training", files[:2], output_dir=tmp_path / "one", device="cpu", **options)
    double = run_in_two_processes("training", files, output_dir=tmp_path / "two", **options)
    assert (single.returncode, double.returncode) == (0, 0), single.stderr + double.stderr
    one, two = (pd.read_csv(tmp_path / name / "metrics.csv").drop(columns="seconds") for name in ("one", "two"))
    pd.testing.assert_frame_equal(one, two, rtol=1e-3)
    assert one["own_key_rank"].between(0, 1).all()
    assert one["epochs_unlearnt"].max() >= 1  # at rate 0 chance lets a loss fall in one epoch of 40


# Patches as large as the volumes are the same wherever they are cut; Adam would enlarge the last bits of the gradients.
WHOLE_VOLUMES = """
+train#handlers:
- _target_: tests.bundles.recorder.StepRecorder
  folder: '@output_dir'
augment: null
flip_prob: 0.0
optimizer:
  _target_: torch.optim.SGD
  params: $@network.parameters()
  lr: '@learning_rate'
"""


@pytest.mark.slow
def test_two_processes_train_a_segmenter_as_one_does(configs, run_config, patches, tmp_path):
    (tmp_path / "whole.yaml").write_text(WHOLE_VOLUMES)
    arguments = {key: value for key, value in patches.items() if key != "quiet"}
    arguments |= {"roi_size": [32, 32, 32], "patches_per_volume": 1, "validation_fraction": 0.5, "val_interval": 1}
    arguments |= {"device": "cpu", "amp": "false", "max_epochs": 2, "learning_rate": 0.01}
    one, two = tmp_path / "one", tmp_path / "two"
    run_config(configs / "train_segmentation.yaml", tmp_path / "whole.yaml", output_dir=one, quiet=True, **arguments)
    files = [configs / "train_segmentation.yaml", configs / "multi_gpu.yaml", tmp_path / "whole.yaml"]
    run = run_by_torchrun("training", files, output_dir=two, **arguments)
    assert run.returncode == 0, run.stderr[-2000:]
    steps, parts = read_steps(one), [read_steps(two, rank) for rank in range(2)]
    assert len(steps) == len(parts[0]) == len(parts[1]) == 2
    for step, first, second in zip(steps, *parts, strict=True):
        assert (first["loss"] + second["loss"]) / 2 == pytest.approx(step["loss"], abs=1e-4)
    expected, found = (torch.load(folder / "checkpoint.pt", weights_only=True)["network"] for folder in (one, two))
    for key in expected:
        torch.testing.assert_close(found[key], expected[key], rtol=1e-3, atol=1e-5, msg=key)
    tables = [pd.read_csv(folder / "metrics.csv") for folder in (one, two)]
    pd.testing.assert_frame_equal(tables[1].filter(like="val_"), tables[0].filter(like="val_"), atol=1e-3)
