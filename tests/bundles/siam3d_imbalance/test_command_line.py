"""Each config and overlay as a user starts it, from any working directory."""

from __future__ import annotations

import pandas as pd
import pytest

SMALL_CT = {"box_size": [54, 54, 54], "image_size": [27, 27, 27], "spacing": [5.0, 5.0, 5.0]}
SMALL_CT |= {"num_clusters": 2, "num_workers": 2}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("overlays", "overrides"),
    [
        (["brats.yaml", "se.yaml"], {"candidates_per_cluster": 4, "activation_checkpointing": "true"}),
        (["lung.yaml", "re.yaml"], {**SMALL_CT, "features": "bank", "transductive": "true"}),
    ],
)
def test_pretraining_runs_with_overlays(overlays, overrides, run_elsewhere, lung_phantoms):
    if "lung.yaml" in overlays:
        overrides = {**overrides, "dataset_dir": lung_phantoms}
    output_dir = run_elsewhere("training", ["pretrain.yaml", *overlays], max_epochs=2, batch_size=4, **overrides)
    assert (output_dir / "model.pt").is_file() and len(pd.read_csv(output_dir / "metrics.csv")) == 2


@pytest.mark.slow
def test_training_runs_from_scratch(run_elsewhere):
    output_dir = run_elsewhere("training", ["train.yaml"], max_epochs=1)
    assert (output_dir / "model.pt").is_file()


@pytest.mark.slow
def test_evaluation_runs(run_elsewhere, classifier):
    output_dir = run_elsewhere("evaluating", ["evaluate.yaml"], checkpoint=classifier)
    assert (output_dir / "predictions.csv").is_file() and (output_dir / "report/report.md").is_file()
