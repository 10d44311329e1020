"""Runs of the bundle that several tests look at."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bundles.bundle_files import BUNDLES
from tests.bundles.commands import run_bundle

BUNDLE = next(bundle for bundle in BUNDLES if bundle.name == "siam3d_imbalance")


@pytest.fixture(scope="session")
def configs() -> Path:
    """The bundle's folder of configs."""
    return BUNDLE / "configs"


@pytest.fixture(scope="session")
def tiny(brain_phantoms, cache_dir) -> dict[str, object]:
    """Overrides of any config: the phantoms, a box of 27^3 voxels and few channels, so that a step takes no time."""
    return {
        "dataset_dir": brain_phantoms,
        "cache_dir": cache_dir,
        "box_size": [27, 27, 27],
        "channels": [4, 4, 4, 4],
        "quiet": True,
    }


@pytest.fixture(scope="session")
def pretrained(configs, tiny, tmp_path_factory) -> Path:
    """``model.pt`` of a pre-training of two epochs with SE, started on the command line."""
    output_dir = tmp_path_factory.mktemp("pretrained")
    overrides = tiny | {"max_epochs": 2, "batch_size": 2, "candidates_per_cluster": 4, "quiet": False}
    files = [configs / "pretrain.yaml", configs / "se.yaml"]
    result = run_bundle("training", files, output_dir=output_dir, device="cpu", amp="false", **overrides)
    assert result.returncode == 0, result.stderr
    assert "Epoch [2/2]" in result.stderr  # the progress bar
    return output_dir / "model.pt"


@pytest.fixture(scope="session")
def classifier(configs, tiny, pretrained, tmp_path_factory) -> Path:
    """``model.pt`` of a fine-tuning of one epoch, started on the command line."""
    output_dir = tmp_path_factory.mktemp("classifier")
    overrides = tiny | {"max_epochs": 1, "pretrained_encoder": pretrained}
    result = run_bundle("training", [configs / "train.yaml"], output_dir=output_dir, device="cpu", **overrides)
    assert result.returncode == 0, result.stderr
    return output_dir / "model.pt"
