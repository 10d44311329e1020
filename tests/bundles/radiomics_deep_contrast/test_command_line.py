"""Configs and overlays as a user starts them, from any working directory."""

from __future__ import annotations

import pytest

from tests.bundles.shared.command_line import SharedCommandLine

FLOAT16 = {"storage_dtype": "$torch.float16", "num_workers": 1, "max_correlation": 0.9}
TRANSDUCTIVE = {"transductive": "true", "cache_rate": 0.5, "flip_prob": 0.5}


class TestCommandLine(SharedCommandLine):
    pretrainings = {
        "shuffled": (["thyroid.yaml", "shuffled.yaml"], {"max_epochs": 1, "amp": "false", **FLOAT16}),
        "simclr": (["thyroid.yaml", "simclr.yaml"], {"max_epochs": 1, "amp": "false", **TRANSDUCTIVE}),
    }


@pytest.mark.slow
def test_training_runs_from_scratch_in_low_precision_with_a_validation_part(run_elsewhere):
    options = {"max_epochs": 1, "batch_size": 8, "validation_fraction": 0.34, "amp": "true"}
    assert (run_elsewhere("training", ["train.yaml", "image_only.yaml"], **options) / "model.pt").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("config", ["evaluate.yaml", "infer_hybrid.yaml"])
def test_evaluation_and_inference_run(config, run_elsewhere, classifier):
    options = {} if config == "evaluate.yaml" else {"section": "training"}
    output_dir = run_elsewhere("evaluating", [config], checkpoint=classifier, amp="false", **options)
    assert (output_dir / "predictions.csv").is_file()
