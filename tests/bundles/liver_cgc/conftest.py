"""Cohorts and runs of the bundle that several tests look at."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import pytest

from common.data.phantoms import LiverPhantoms
from tests.bundles.bundle_files import BUNDLES
from tests.bundles.commands import Exportable
from tests.bundles.damage import with_whole_paths

NETWORK = {"model_name": "efficientnet-b0"}
BUNDLE = next(bundle for bundle in BUNDLES if bundle.name == "liver_cgc")


@pytest.fixture(scope="session")
def configs() -> Path:
    """The bundle's folder of configs."""
    return BUNDLE / "configs"


@pytest.fixture(scope="session")
def liver_phantoms(made_once) -> Path:
    """Folder of 20 subjects with slices of 24 to 40 pixels in three modalities: 12 of stage 1, 8 of 2, four folds."""
    options = {"num_subjects": 20, "sizes": (24, 40), "stage_counts": (3, 2), "num_folds": 4}
    return made_once("liver", partial(LiverPhantoms(**options).make, num_workers=1))


@pytest.fixture(scope="session")
def tiny(liver_phantoms, cache_dir) -> dict[str, object]:
    """Overrides of any config: the phantoms, 32x32 pixels and EfficientNet-B0, so that a step takes no time."""
    return {"dataset_dir": liver_phantoms, "cache_dir": cache_dir, "image_size": [32, 32], **NETWORK, "quiet": True}


@pytest.fixture(scope="session")
def liver_volumes(made_once) -> Path:
    """Folder of 6 subjects with volumes of eight thick slices, two folds."""
    counts = {"num_subjects": 6, "stage_counts": (2, 1), "num_folds": 2, "num_slices": 8}
    make = partial(LiverPhantoms(sizes=(40, 48), spatial_dims=3, **counts).make, num_workers=1)
    return made_once("liver_volumes", make)


@pytest.fixture
def without_t2(tiny, tmp_path) -> Path:
    """A datalist of the phantoms in which the fourth subject has no T2."""
    content = with_whole_paths(tiny["dataset_dir"])
    for row in content["training"]:
        row["fold"] = 1
    content["training"] = content["training"][:15] + [{**row, "fold": 0} for row in content["training"][15:]]
    content["training"][3]["image"][1] = None
    path = tmp_path / "without_t2.json"
    path.write_text(json.dumps(content))
    return path


@pytest.fixture(scope="session")
def pretrained(configs, tiny, train_once) -> Path:
    """``model.pt`` of a pre-training of two epochs by SimSiam with MDA."""
    overrides = tiny | {"max_epochs": 2, "batch_size": 4, "quiet": False, "amp": "false"}
    return train_once("liver_cgc_pretrained", [configs / "pretrain.yaml", configs / "simsiam_mda.yaml"], **overrides)


@pytest.fixture(scope="session")
def classifier(configs, tiny, pretrained, train_once) -> Path:
    """``model.pt`` of a fine-tuning with CGC of one epoch."""
    overrides = tiny | {"max_epochs": 1, "batch_size": 8, "pretrained_encoder": pretrained}
    return train_once("liver_cgc_classifier", [configs / "train.yaml"], **overrides)


@pytest.fixture(scope="session")
def exportable(classifier) -> Exportable:
    """The classifier that becomes model.ts."""
    return Exportable(classifier, NETWORK)
