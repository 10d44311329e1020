"""Settings with which each bundle's classifier is tiny, and random weights of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from common.deploy.packaging.trained_configs import eager_inference, read_configs
from common.references import evaluated
from tests.bundles.bundle_files import BUNDLES

FOLDERS = {bundle.name: bundle for bundle in BUNDLES}
SETTINGS: dict[str, dict[str, Any]] = {
    "liver_cgc": {"image_size": [32, 32], "model_name": "efficientnet-b0"},
    "mlsscl_3d": {"image_size": [32, 24, 16], "channels": [4, 4, 8, 8]},
    "radiomics_deep_contrast": {
        "image_size": [32, 32],
        "depth": 18,
        "widen_factor": 0.25,
        "small_stem": False,
        "hidden_features": [32, 16],
        "num_radiomics": 30,
    },
    "siam3d_imbalance": {"in_channels": 1, "box_size": [27, 27, 27], "channels": [4, 4, 4, 4]},
}
OVERLAYS = {"radiomics_deep_contrast": ["image_view"]}
SOFTMAX = {"_target_": "common.networks.CalibratedSoftmax", "temperature": 1.0, "threshold": 0.0}


def tiny_configs(bundle: str) -> dict[str, dict[str, Any]]:
    """The bundle's configs with its settings."""
    return read_configs(FOLDERS[bundle], OVERLAYS.get(bundle, []), SETTINGS[bundle])


def random_weights(bundle: str, folder: Path) -> Path:
    """``model.pt`` of a tiny classifier that has learnt nothing, the same each time."""
    torch.manual_seed(0)
    network = evaluated(eager_inference(tiny_configs(bundle), SOFTMAX, folder / "model.pt"), "network_def")
    folder.mkdir(parents=True, exist_ok=True)
    torch.save(network.state_dict(), folder / "model.pt")
    return folder / "model.pt"
