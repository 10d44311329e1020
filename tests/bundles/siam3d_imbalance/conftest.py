"""Runs of the bundle that several tests look at."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.bundles.bundle_files import BUNDLES

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


@pytest.fixture
def settings(settings) -> Callable[[str], dict[str, object]]:
    """``settings(config)``: overrides with which a step of the config takes no time."""
    return lambda config: settings(config) | ({"candidates_per_cluster": 4} if config.startswith("pretrain") else {})


@pytest.fixture(scope="session")
def pretrained(configs, tiny, train_once) -> Path:
    """``model.pt`` of a pre-training of two epochs with SE."""
    overrides = tiny | {"max_epochs": 2, "batch_size": 2, "candidates_per_cluster": 4, "quiet": False, "amp": "false"}
    return train_once("siam3d_pretrained", [configs / "pretrain.yaml", configs / "se.yaml"], **overrides)


@pytest.fixture(scope="session")
def classifier(configs, tiny, pretrained, train_once) -> Path:
    """``model.pt`` of a fine-tuning of one epoch."""
    overrides = tiny | {"max_epochs": 1, "pretrained_encoder": pretrained}
    return train_once("siam3d_classifier", [configs / "train.yaml"], **overrides)
