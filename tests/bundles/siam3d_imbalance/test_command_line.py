"""Each config and overlay as a user starts it, from any working directory."""

from __future__ import annotations

import pytest

from tests.bundles.shared.command_line import SharedCommandLine

SMALL_CT = {"box_size": [54, 54, 54], "image_size": [27, 27, 27], "spacing": [5.0, 5.0, 5.0]}
SMALL_CT |= {"num_clusters": 2, "num_workers": 2}


class TestCommandLine(SharedCommandLine):
    pretrainings = {
        "brats": (
            ["brats.yaml", "se.yaml"],
            {"max_epochs": 2, "candidates_per_cluster": 4, "activation_checkpointing": "true"},
        ),
        "lung": (["lung.yaml", "re.yaml"], {"max_epochs": 2, "features": "bank", "transductive": "true", **SMALL_CT}),
    }
    cohorts = {"lung": "lung_phantoms"}


@pytest.mark.slow
def test_training_runs_from_scratch(run_elsewhere):
    output_dir = run_elsewhere("training", ["train.yaml"], max_epochs=1)
    assert (output_dir / "model.pt").is_file()


@pytest.mark.slow
def test_evaluation_runs(run_elsewhere, classifier):
    output_dir = run_elsewhere("evaluating", ["evaluate.yaml"], checkpoint=classifier)
    assert (output_dir / "predictions.csv").is_file() and (output_dir / "report/report.md").is_file()
