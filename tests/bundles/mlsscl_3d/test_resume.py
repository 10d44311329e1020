"""A run that is killed and started again ends with the weights of one that was never killed."""

from __future__ import annotations

import pytest
import torch
from ignite.engine import Events

from tests.bundles.killing import assert_equal
from tests.bundles.shared.resume import SharedResume


class TestResume(SharedResume):
    killed_runs = {"pretrain": (["pretrain.yaml"], {}), "genesis": (["pretrain.yaml", "genesis.yaml"], {})}

    def check(self, case, runs):
        """Targets and queues are the same, too."""
        contrasted = case == "pretrain"
        assert ("queue" in runs.checkpoint) == contrasted
        assert contrasted == any(name.startswith("target.") for name in runs.checkpoint["network"])


def test_a_segmenter_that_was_interrupted_goes_on_with_the_same_patches(
    open_bundle, run_config, configs, patches, tmp_path
):
    options = patches | {"validation_fraction": 0, "batch_size": 1, "max_epochs": 2, "save_interval": 1}
    options["affine_prob"] = 0.5
    config = configs / "train_segmentation.yaml"
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
