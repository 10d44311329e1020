"""Configs and overlays as a user starts them, from any working directory."""

from __future__ import annotations

import pytest

from tests.bundles.shared.command_line import SharedCommandLine


class TestCommandLine(SharedCommandLine):
    pretrainings = {
        "byol": (
            ["byol.yaml"],
            {"max_epochs": 1, "modality": "OUT", "num_workers": 2, "amp": "true", "storage_dtype": "$torch.float16"},
        ),
        "simclr_mda": (
            ["simclr_mda.yaml"],
            {"max_epochs": 1, "pairs": "independent", "cache_rate": 0.5, "transductive": "true"},
        ),
    }


@pytest.mark.slow
def test_training_runs_from_scratch_with_overlays(run_elsewhere):
    overlays, options = ["single.yaml", "linear.yaml"], {"max_epochs": 1, "batch_size": 4, "modality": "OUT"}
    output_dir = run_elsewhere("training", ["train.yaml", *overlays], **options)
    assert (output_dir / "model.pt").is_file()


@pytest.mark.slow
@pytest.mark.parametrize("config", ["evaluate.yaml", "explain.yaml"])
def test_evaluation_and_explanation_run(config, run_elsewhere, classifier):
    output_dir = run_elsewhere("evaluating", [config], checkpoint=classifier)
    assert any(output_dir.iterdir())
