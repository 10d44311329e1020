"""Each config as ``python -m monai.bundle run`` runs it, from any working directory."""

from __future__ import annotations

import pandas as pd
import pytest
from monai.bundle import run

from tests.bundles.commands import over_training
from tests.bundles.conftest import plain


@pytest.fixture
def run_from_elsewhere(configs, tmp_path, monkeypatch):
    """What the command line calls, in an empty folder: gives the output folder."""

    def run_from_elsewhere(run_id: str, *names: str, **overrides):
        elsewhere, output_dir = tmp_path / "elsewhere", tmp_path / "output"
        elsewhere.mkdir()
        monkeypatch.chdir(elsewhere)
        values = {key: plain(value) for key, value in overrides.items()}
        run(
            run_id=run_id,
            config_file=[str(path) for path in over_training([configs / name for name in names])],
            output_dir=str(output_dir),
            device="cpu",
            **values,
        )
        assert not list(elsewhere.iterdir())
        return output_dir

    return run_from_elsewhere


@pytest.mark.parametrize("overlays", [["long_short.yaml"], ["unet.yaml", "moco.yaml"]])
def test_pretraining_runs_with_overlays(overlays, run_from_elsewhere, clips):
    options = {"max_epochs": 1, "num_workers": 1, "amp": "true", "cache": "disk", "transductive": "true"}
    output_dir = run_from_elsewhere("training", "pretrain.yaml", *overlays, **clips | options)
    assert (output_dir / "model.pt").is_file() and len(pd.read_csv(output_dir / "metrics.csv")) == 1


def test_training_runs_from_a_pretrained_encoder(run_from_elsewhere, tiny, pretrained):
    options = {"max_epochs": 1, "pretrained_encoder": pretrained, "validation_fraction": 0.5}
    assert (run_from_elsewhere("training", "train.yaml", **tiny | options) / "model.pt").is_file()


def test_training_of_a_segmenter_runs_from_scratch(run_from_elsewhere, patches):
    options = patches | {"max_epochs": 1, "validation_fraction": 0, "amp": "true"}
    assert (run_from_elsewhere("training", "train_segmentation.yaml", **options) / "model.pt").is_file()


@pytest.mark.parametrize("config", ["evaluate.yaml", "extract_features.yaml"])
def test_evaluation_and_features_run(config, run_from_elsewhere, tiny, pretrained, classifier):
    checkpoint = classifier if config == "evaluate.yaml" else pretrained
    output_dir = run_from_elsewhere("evaluating", config, **tiny | {"checkpoint": checkpoint})
    assert list(output_dir.glob("*.csv"))


def test_evaluation_of_a_segmenter_runs(run_from_elsewhere, patches, segmenter):
    output_dir = run_from_elsewhere("evaluating", "evaluate_segmentation.yaml", **patches | {"checkpoint": segmenter})
    assert (output_dir / "lesions.csv").is_file() and (output_dir / "report/report.md").is_file()
