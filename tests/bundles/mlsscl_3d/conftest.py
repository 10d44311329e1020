"""Cohorts and runs of the bundle that several tests look at."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from common.data.phantoms import DementiaPhantoms, LesionPhantoms
from tests.bundles.bundle_files import BUNDLES
from tests.bundles.commands import Exportable

BUNDLE = next(bundle for bundle in BUNDLES if bundle.name == "mlsscl_3d")
CLIPS = {"num_slices": 8, "long_stride": 4, "short_stride": 1, "clip_size": [24, 24]}
NETWORK = {"channels": [4, 4, 8, 8]}


@pytest.fixture(scope="session")
def configs() -> Path:
    """The bundle's folder of configs."""
    return BUNDLE / "configs"


@pytest.fixture(scope="session")
def dementia(made_once) -> Path:
    """Folder of 12 people with one or two visits each, half of them with dementia, at 32^3 voxels, three folds."""
    options = {"num_subjects": 12, "visits": 2, "shape": (32, 32, 32), "num_folds": 3}
    return made_once("dementia", partial(DementiaPhantoms(**options).make, num_workers=1))


@pytest.fixture(scope="session")
def lesions(made_once) -> Path:
    """Folder of six people with three modalities of 32^3 voxels and their lesions, three folds."""
    options = {"num_subjects": 6, "shape": (32, 32, 32), "mean_lesions": 8, "num_folds": 3}
    return made_once("lesions", partial(LesionPhantoms(**options).make, num_workers=1))


@pytest.fixture(scope="session")
def tiny(dementia, cache_dir) -> dict[str, object]:
    """Overrides of any config of classification: the phantoms and few channels, so that a step takes no time."""
    return {"dataset_dir": dementia, "cache_dir": cache_dir, "image_size": [32, 32, 32], **NETWORK, "quiet": True}


@pytest.fixture(scope="session")
def clips(tiny) -> dict[str, object]:
    """The same for pre-training, with clips of 8 slices of 24x24 voxels."""
    return tiny | CLIPS | {"batch_size": 4, "max_epochs": 2}


@pytest.fixture(scope="session")
def patches(lesions, cache_dir) -> dict[str, object]:
    """Overrides of any config of segmentation: patches of 16^3 voxels."""
    return {
        "dataset_dir": lesions,
        "cache_dir": cache_dir,
        "in_channels": 3,
        "roi_size": [16, 16, 16],
        **NETWORK,
        "quiet": True,
    }


@pytest.fixture
def settings(tiny, patches) -> Callable[[str], dict[str, object]]:
    """``settings(config)``: overrides with which a step of the config takes no time."""

    def settings(config: str) -> dict[str, object]:
        options = patches if "segmentation" in config else tiny
        if config.startswith("pretrain"):
            return options | CLIPS | {"batch_size": 4}
        return options | ({"validation_fraction": 0.5} if config.startswith("train") else {})

    return settings


@pytest.fixture
def trained_for(trained_for, request) -> Callable[[str], Path]:
    """``trained_for(config)``: the weights that a config of evaluation reads."""
    return lambda config: request.getfixturevalue("segmenter") if "segmentation" in config else trained_for(config)


@pytest.fixture(scope="session")
def pretrained(configs, clips, train_once) -> Path:
    """``model.pt`` of a pre-training of two epochs by MLSSCL."""
    overrides = clips | {"quiet": False, "amp": "false"}
    return train_once("mlsscl_pretrained", [configs / "pretrain.yaml", configs / "mlsscl.yaml"], **overrides)


@pytest.fixture(scope="session")
def classifier(configs, tiny, pretrained, train_once) -> Path:
    """``model.pt`` of a fine-tuning of one epoch."""
    overrides = tiny | {"max_epochs": 1, "pretrained_encoder": pretrained, "validation_fraction": 0.5}
    return train_once("mlsscl_classifier", [configs / "train.yaml"], **overrides)


@pytest.fixture(scope="session")
def exportable(classifier) -> Exportable:
    """The classifier that becomes model.ts."""
    return Exportable(classifier, NETWORK)


@pytest.fixture(scope="session")
def segmenter(configs, patches, train_once) -> Path:
    """``model.pt`` of a segmenter from scratch, one epoch."""
    overrides = patches | {"max_epochs": 1, "validation_fraction": 0}
    return train_once("mlsscl_segmenter", [configs / "train_segmentation.yaml"], **overrides)
