"""Cohorts and runs of the bundle that several tests look at."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from common.data.phantoms import BrainPhantoms, LungPhantoms
from tests.bundles.bundle_files import BUNDLES
from tests.bundles.commands import Exportable

NETWORK = {"channels": [4, 4, 4, 4]}
BUNDLE = next(bundle for bundle in BUNDLES if bundle.name == "siam3d_imbalance")


@pytest.fixture(scope="session")
def configs() -> Path:
    """The bundle's folder of configs."""
    return BUNDLE / "configs"


@pytest.fixture(scope="session")
def brain_phantoms(made_once) -> Path:
    """Folder of 20 subjects with four modalities of 32^3 voxels: 8 of low and 12 of high grade, four folds."""
    options = {"num_subjects": 20, "shape": (32, 32, 32), "centres": {"A": (5, 8), "B": (3, 4)}, "num_folds": 4}
    return made_once("brain", partial(BrainPhantoms(**options).make, num_workers=1))


@pytest.fixture(scope="session")
def lung_phantoms(made_once) -> Path:
    """Folder of 18 chest CTs of 32^3 voxels at 10 mm, six of each stage, two folds."""
    sizes = {"shape": (32, 32, 32), "spacing": (10.0, 10.0, 10.0)}
    options = {"num_subjects": 18, "stage_counts": (1, 1, 1), "num_folds": 2}
    return made_once("lung", partial(LungPhantoms(**sizes, **options).make, num_workers=1))


@pytest.fixture(scope="session")
def tiny(brain_phantoms, cache_dir) -> dict[str, object]:
    """Overrides of any config: the phantoms, a box of 27^3 voxels and few channels, so that a step takes no time."""
    return {"dataset_dir": brain_phantoms, "cache_dir": cache_dir, "box_size": [27, 27, 27], **NETWORK, "quiet": True}


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


@pytest.fixture(scope="session")
def exportable(classifier) -> Exportable:
    """The classifier that becomes model.ts."""
    return Exportable(classifier, NETWORK)
