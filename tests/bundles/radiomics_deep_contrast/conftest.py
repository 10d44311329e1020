"""Cohorts and runs of the bundle that several tests look at."""

from __future__ import annotations

from pathlib import Path

import pytest
from monai.bundle import ConfigWorkflow

from common.data import KidneyPhantoms, ThyroidPhantoms
from tests.bundles.bundle_files import BUNDLES
from tests.bundles.commands import run_bundle
from tests.bundles.conftest import plain

BUNDLE = next(bundle for bundle in BUNDLES if bundle.name == "radiomics_deep_contrast")
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
def few_features(tmp_path_factory) -> Path:
    """A PyRadiomics parameter file of some thirty features."""
    path = tmp_path_factory.mktemp("settings") / "few.yaml"
    path.write_text(FEW_FEATURES)
    return path


@pytest.fixture(scope="session")
def thyroid_phantoms(tmp_path_factory) -> Path:
    """Folder of 20 ultrasound images of 64 to 80 pixels, ten benign and ten malignant, four folds."""
    folder = tmp_path_factory.mktemp("thyroid")
    ThyroidPhantoms(num_subjects=20, sizes=(64, 80), num_folds=4).make(folder, num_workers=1)
    return folder


@pytest.fixture(scope="session")
def kidney_phantoms(tmp_path_factory) -> Path:
    """Folder of 20 CT volumes with kidney tumours, 12 or so with one of four subtypes, two folds."""
    folder = tmp_path_factory.mktemp("kidney")
    sizes = {"sizes": (64, 72), "thickness": (4.0, 6.0)}
    counts = {"subtype_counts": (4, 2, 2, 2, 2), "clear_cell": 4}
    KidneyPhantoms(num_subjects=20, num_folds=2, **sizes, **counts).make(folder, num_workers=1)
    return folder


@pytest.fixture(scope="session")
def tiny(thyroid_phantoms, few_features, cache_dir) -> dict[str, object]:
    """Overrides of any config: the phantoms, 32x32 pixels, a narrow ResNet-18 and few features."""
    return {
        "dataset_dir": thyroid_phantoms,
        "cache_dir": cache_dir,
        "radiomics_settings": few_features,
        "radiomics_workers": 1,
        "image_size": [32, 32],
        "depth": 18,
        "widen_factor": 0.25,
        "small_stem": False,
        "hidden_features": [32, 16],
        "quiet": True,
    }


@pytest.fixture(scope="session")
def pretrained(configs, tiny, tmp_path_factory) -> Path:
    """``model.pt`` of a pre-training of two epochs, started on the command line."""
    output_dir = tmp_path_factory.mktemp("pretrained")
    overrides = tiny | {"max_epochs": 2, "batch_size": 4, "quiet": False}
    result = run_bundle(
        "training", [configs / "pretrain.yaml"], output_dir=output_dir, device="cpu", amp="false", **overrides
    )
    assert result.returncode == 0, result.stderr
    assert "Epoch [2/2]" in result.stderr  # the progress bar
    return output_dir / "model.pt"


@pytest.fixture(scope="session")
def classifier(configs, tiny, pretrained, tmp_path_factory) -> Path:
    """``model.pt`` of a fine-tuning of two epochs, started on the command line."""
    output_dir = tmp_path_factory.mktemp("classifier")
    overrides = tiny | {"max_epochs": 2, "batch_size": 8, "pretrained_encoder": pretrained}
    result = run_bundle("training", [configs / "train.yaml"], output_dir=output_dir, device="cpu", **overrides)
    assert result.returncode == 0, result.stderr
    return output_dir / "model.pt"


@pytest.fixture(scope="session")
def image_classifier(configs, tiny, pretrained, tmp_path_factory) -> Path:
    """``model.pt`` of a fine-tuning of the image's vector alone."""
    output_dir = tmp_path_factory.mktemp("image_classifier")
    overrides = tiny | {"max_epochs": 1, "batch_size": 8, "pretrained_encoder": str(pretrained), "device": "cpu"}
    workflow = ConfigWorkflow(
        config_file=[str(configs / name) for name in ("train.yaml", "image_view.yaml")],
        logging_file=False,
        workflow_type="train",
        output_dir=str(output_dir),
        **{key: plain(value) for key, value in overrides.items()},
    )
    workflow.initialize()
    workflow.run()
    return output_dir / "model.pt"


@pytest.fixture(scope="session")
def many_phantoms(tmp_path_factory) -> Path:
    """Folder of 120 ultrasound images, four folds."""
    folder = tmp_path_factory.mktemp("many")
    ThyroidPhantoms(num_subjects=120, sizes=(64, 80), num_folds=4).make(folder, num_workers=1)
    return folder
