from __future__ import annotations

import runpy
from pathlib import Path

import pytest
import torch

from common.training_record import with_training_record

SCRIPT = Path(__file__).resolve().parents[2] / "scripts/final_model.py"
COMMAND = "Next: python scripts/package.py"


@pytest.mark.parametrize(
    ("bundle", "settings", "target"),
    [
        ("liver_cgc", {}, "liver_cgc --target inference"),
        ("radiomics_deep_contrast", {"view": "both"}, "radiomics_deep_contrast --target hybrid"),
        ("radiomics_deep_contrast", {"view": "image"}, "radiomics_deep_contrast --target inference"),
    ],
)
def test_the_command_that_packages_the_model_is_whole(bundle, settings, target, tmp_path, capsys):
    weights, metrics = tmp_path / "my run/final/model.pt", tmp_path / "my run/final/metrics.json"
    weights.parent.mkdir(parents=True)
    record = {"bundle": bundle, "config": "train", "settings": settings, "subjects": {}}
    torch.save(with_training_record({"weight": torch.zeros(1)}, record), weights)
    metrics.touch()
    runpy.run_path(str(SCRIPT))["_show"](weights)
    assert f"{COMMAND} {target} --weights '{weights}' --metrics '{metrics}'\n" in capsys.readouterr().out


def test_a_segmenter_is_exported_first(tmp_path, capsys):
    record = {"bundle": "mlsscl_3d", "config": "train_segmentation", "settings": {}, "subjects": {}}
    torch.save(with_training_record({"weight": torch.zeros(1)}, record), tmp_path / "model.pt")
    runpy.run_path(str(SCRIPT))["_show"](tmp_path / "model.pt")
    assert "exporting --config_file \"['bundles/mlsscl_3d/configs/train_segmentation.yaml'," in capsys.readouterr().out
