"""Cohorts and runs of the bundle that several tests look at."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from monai.bundle import ConfigWorkflow

from common.data import DementiaPhantoms, LesionPhantoms
from tests.bundles.bundle_files import BUNDLES
from tests.bundles.commands import run_bundle
from tests.bundles.conftest import plain

BUNDLE = next(bundle for bundle in BUNDLES if bundle.name == "mlsscl_3d")
CLIPS = {"num_slices": 8, "long_stride": 4, "short_stride": 1, "clip_size": [24, 24]}
CHANNELS = [4, 4, 8, 8]


@pytest.fixture(scope="session")
def configs() -> Path:
    """The bundle's folder of configs."""
    return BUNDLE / "configs"


@pytest.fixture
def one_thread():
    """One thread in this process, as in those that tests start: sums are added in one order."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def dementia(tmp_path_factory) -> Path:
    """Folder of 12 people with one or two visits each, half of them with dementia, at 32^3 voxels, three folds."""
    folder = tmp_path_factory.mktemp("dementia")
    DementiaPhantoms(num_subjects=12, visits=2, shape=(32, 32, 32), num_folds=3).make(folder, num_workers=1)
    return folder


@pytest.fixture(scope="session")
def lesions(tmp_path_factory) -> Path:
    """Folder of six people with three modalities of 32^3 voxels and their lesions, three folds."""
    folder = tmp_path_factory.mktemp("lesions")
    LesionPhantoms(num_subjects=6, shape=(32, 32, 32), mean_lesions=8, num_folds=3).make(folder, num_workers=1)
    return folder


@pytest.fixture(scope="session")
def tiny(dementia, cache_dir) -> dict[str, object]:
    """Overrides of any config of classification: the phantoms and few channels, so that a step takes no time."""
    return {
        "dataset_dir": dementia,
        "cache_dir": cache_dir,
        "image_size": [32, 32, 32],
        "channels": CHANNELS,
        "quiet": True,
    }


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
        "channels": CHANNELS,
        "quiet": True,
    }


@pytest.fixture(scope="session")
def pretrained(configs, clips, tmp_path_factory) -> Path:
    """``model.pt`` of a pre-training of two epochs by MLSSCL, started on the command line."""
    output_dir = tmp_path_factory.mktemp("pretrained")
    files = [configs / "pretrain.yaml", configs / "mlsscl.yaml"]
    overrides = clips | {"quiet": False, "device": "cpu", "amp": "false"}
    result = run_bundle("training", files, output_dir=output_dir, **overrides)
    assert result.returncode == 0, result.stderr
    assert "Epoch [2/2]" in result.stderr  # the progress bar
    return output_dir / "model.pt"


@pytest.fixture(scope="session")
def classifier(configs, tiny, pretrained, tmp_path_factory) -> Path:
    """``model.pt`` of a fine-tuning of one epoch."""
    overrides = tiny | {"max_epochs": 1, "pretrained_encoder": pretrained, "validation_fraction": 0.5}
    return _train(configs / "train.yaml", tmp_path_factory.mktemp("classifier"), overrides)


@pytest.fixture(scope="session")
def segmenter(configs, patches, tmp_path_factory) -> Path:
    """``model.pt`` of a segmenter from scratch, one epoch."""
    overrides = patches | {"max_epochs": 1, "validation_fraction": 0}
    return _train(configs / "train_segmentation.yaml", tmp_path_factory.mktemp("segmenter"), overrides)


def _train(config: Path, output_dir: Path, overrides: dict[str, object]) -> Path:
    workflow = ConfigWorkflow(
        config_file=str(config),
        logging_file=False,
        workflow_type="train",
        **{key: plain(value) for key, value in {**overrides, "device": "cpu", "output_dir": output_dir}.items()},
    )
    workflow.initialize()
    workflow.run()
    workflow.finalize()
    return output_dir / "model.pt"
