"""Cohorts and runs of the bundle that several tests look at."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from common.data.phantoms import KidneyPhantoms, ThyroidPhantoms
from tests.bundles.bundle_files import BUNDLES
from tests.bundles.commands import Exportable

BUNDLE = next(bundle for bundle in BUNDLES if bundle.name == "radiomics_deep_contrast")
NETWORK = {"depth": 18, "widen_factor": 0.25, "small_stem": False, "hidden_features": [32, 16]}
# A tenth of the features in a hundredth of the time.
FEW_FEATURES = """
imageType: {Original: {}}
featureClass: {shape: , firstorder: , glcm: [Contrast, Correlation]}
setting: {binWidth: 16}
"""


@pytest.fixture(scope="session")
def configs() -> Path:
    """The bundle's folder of configs."""
    return BUNDLE / "configs"


@pytest.fixture(scope="session")
def few_features(made_once) -> Path:
    """A PyRadiomics parameter file of some thirty features."""
    return made_once("settings", lambda folder: (folder / "few.yaml").write_text(FEW_FEATURES)) / "few.yaml"


@pytest.fixture(scope="session")
def thyroid_phantoms(made_once) -> Path:
    """Folder of 20 ultrasound images of 64 to 80 pixels, ten benign and ten malignant, four folds."""
    options = {"num_subjects": 20, "sizes": (64, 80), "num_folds": 4}
    return made_once("thyroid", partial(ThyroidPhantoms(**options).make, num_workers=1))


@pytest.fixture(scope="session")
def kidney_phantoms(made_once) -> Path:
    """Folder of 20 CT volumes with kidney tumours, 12 or so with one of four subtypes, two folds."""
    sizes = {"sizes": (64, 72), "thickness": (4.0, 6.0)}
    counts = {"num_subjects": 20, "num_folds": 2, "subtype_counts": (4, 2, 2, 2, 2), "clear_cell": 4}
    return made_once("kidney", partial(KidneyPhantoms(**sizes, **counts).make, num_workers=1))


@pytest.fixture(scope="session")
def tiny(thyroid_phantoms, few_features, cache_dir) -> dict[str, object]:
    """Overrides of any config: the phantoms, 32x32 pixels, a narrow ResNet-18 and few features."""
    return {
        "dataset_dir": thyroid_phantoms,
        "cache_dir": cache_dir,
        "radiomics_settings": few_features,
        "radiomics_workers": 1,
        "image_size": [32, 32],
        **NETWORK,
        "quiet": True,
    }


@pytest.fixture
def settings(settings) -> Callable[[str], dict[str, object]]:
    """``settings(config)``: overrides with which a step of the config takes no time."""
    return lambda config: settings(config) | ({"section": "training"} if config.startswith("infer") else {})


@pytest.fixture(scope="session")
def pretrained(configs, tiny, train_once) -> Path:
    """``model.pt`` of a pre-training of two epochs."""
    overrides = tiny | {"max_epochs": 2, "batch_size": 4, "quiet": False, "amp": "false"}
    return train_once("radiomics_pretrained", [configs / "pretrain.yaml"], **overrides)


@pytest.fixture(scope="session")
def classifier(configs, tiny, pretrained, train_once) -> Path:
    """``model.pt`` of a fine-tuning of two epochs."""
    overrides = tiny | {"max_epochs": 2, "batch_size": 8, "pretrained_encoder": pretrained}
    return train_once("radiomics_classifier", [configs / "train.yaml"], **overrides)


@pytest.fixture(scope="session")
def image_classifier(configs, tiny, pretrained, train_once) -> Path:
    """``model.pt`` of a fine-tuning of the image's vector alone."""
    overrides = tiny | {"max_epochs": 1, "batch_size": 8, "pretrained_encoder": pretrained}
    return train_once("image_classifier", [configs / "train.yaml", configs / "image_view.yaml"], **overrides)


@pytest.fixture(scope="session")
def exportable(tiny, image_classifier) -> Exportable:
    """The classifier that becomes model.ts."""
    return Exportable(image_classifier, NETWORK | {"image_size": tiny["image_size"]}, ("image_view.yaml",))


@pytest.fixture(scope="session")
def many_phantoms(made_once) -> Path:
    """Folder of 120 ultrasound images, four folds."""
    options = {"num_subjects": 120, "sizes": (64, 80), "num_folds": 4}
    return made_once("many", partial(ThyroidPhantoms(**options).make, num_workers=1))
