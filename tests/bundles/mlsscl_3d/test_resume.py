"""A run that is killed and started again ends with the weights of one that was never killed."""

from __future__ import annotations

import pytest
import torch
from ignite.engine import Events

from tests.bundles.commands import PROJECT
from tests.bundles.killing import assert_equal, check_killed_run

CONFIGS = PROJECT / "bundles/mlsscl_3d/configs"


@pytest.mark.slow
def test_a_run_killed_within_an_epoch_ends_with_the_same_weights_targets_and_queues(clips, tmp_path):
    found = check_killed_run([CONFIGS / "pretrain.yaml"], tmp_path, **clips).checkpoint
    assert "queue" in found and any(name.startswith("target.") for name in found["network"])


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
