"""Configs and overlays as a user starts them, from any working directory."""

from __future__ import annotations

import pandas as pd
import pytest


@pytest.mark.slow
@pytest.mark.parametrize(
    ("overlay", "overrides"),
    [
        ("shuffled.yaml", {"storage_dtype": "$torch.float16", "num_workers": 1, "max_correlation": 0.9}),
        ("simclr.yaml", {"transductive": "true", "cache_rate": 0.5, "flip_prob": 0.5}),
    ],
)
def test_pretraining_runs_with_overlays(overlay, overrides, run_elsewhere):
    options = {"max_epochs": 1, "batch_size": 4, "amp": "false"} | overrides
    output_dir = run_elsewhere("training", ["pretrain.yaml", "thyroid.yaml", overlay], **options)
    assert (output_dir / "model.pt").is_file() and len(pd.read_csv(output_dir / "metrics.csv")) == 1


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
