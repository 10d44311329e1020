"""Cohorts and runs of the bundle that several tests look at."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from common.data import LiverPhantoms
from tests.bundles.bundle_files import BUNDLES
from tests.bundles.commands import run_bundle

BUNDLE = next(bundle for bundle in BUNDLES if bundle.name == "liver_cgc")


@pytest.fixture(scope="session")
def configs() -> Path:
    """The bundle's folder of configs."""
    return BUNDLE / "configs"


@pytest.fixture(scope="session")
def tiny(liver_phantoms, cache_dir) -> dict[str, object]:
    """Overrides of any config: the phantoms, 32x32 pixels and EfficientNet-B0, so that a step takes no time."""
    return {
        "dataset_dir": liver_phantoms,
        "cache_dir": cache_dir,
        "image_size": [32, 32],
        "model_name": "efficientnet-b0",
        "quiet": True,
    }


@pytest.fixture(scope="session")
def liver_volumes(tmp_path_factory) -> Path:
    """Folder of 6 subjects with volumes of eight thick slices, two folds."""
    folder = tmp_path_factory.mktemp("volumes")
    counts = {"num_subjects": 6, "stage_counts": (2, 1), "num_folds": 2}
    LiverPhantoms(sizes=(40, 48), spatial_dims=3, num_slices=8, **counts).make(folder, num_workers=1)
    return folder


@pytest.fixture
def without_t2(tiny, tmp_path) -> Path:
    """A datalist of the phantoms in which the fourth subject has no T2."""
    folder = tiny["dataset_dir"]
    content = json.loads((folder / "datalist.json").read_text())
    for row in content["training"]:
        row["image"] = [str(folder / name) for name in row["image"]]
        row["mask"] = str(folder / row["mask"])
        row["fold"] = 1
    content["training"] = content["training"][:15] + [{**row, "fold": 0} for row in content["training"][15:]]
    content["training"][3]["image"][1] = None
    path = tmp_path / "without_t2.json"
    path.write_text(json.dumps(content))
    return path


@pytest.fixture(scope="session")
def pretrained(configs, tiny, tmp_path_factory) -> Path:
    """``model.pt`` of a pre-training of two epochs by SimSiam with MDA, started on the command line."""
    output_dir = tmp_path_factory.mktemp("pretrained")
    overrides = tiny | {"max_epochs": 2, "batch_size": 4, "quiet": False}
    files = [configs / "pretrain.yaml", configs / "simsiam_mda.yaml"]
    result = run_bundle("training", files, output_dir=output_dir, device="cpu", amp="false", **overrides)
    assert result.returncode == 0, result.stderr
    assert "Epoch [2/2]" in result.stderr  # the progress bar
    return output_dir / "model.pt"


@pytest.fixture(scope="session")
def classifier(configs, tiny, pretrained, tmp_path_factory) -> Path:
    """``model.pt`` of a fine-tuning with CGC of one epoch, started on the command line."""
    output_dir = tmp_path_factory.mktemp("classifier")
    overrides = tiny | {"max_epochs": 1, "batch_size": 8, "pretrained_encoder": pretrained}
    result = run_bundle("training", [configs / "train.yaml"], output_dir=output_dir, device="cpu", **overrides)
    assert result.returncode == 0, result.stderr
    return output_dir / "model.pt"
