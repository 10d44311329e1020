"""Export of the classifier and of the segmenter."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from monai.bundle import ckpt_export


def export(path: Path, weights: Path, configs: Path, name: str = "", **overrides: Any) -> Path:
    """``model.ts`` by what the export command of the bundle's README calls.

    Args:
        path: of the file to write.
        weights: ``model.pt`` of training.
        configs: the bundle's folder of configs.
        name: what the names of the configs end with: nothing for the classifier, ``_segmentation`` for the segmenter.
        overrides: ids of ``evaluate.yaml`` that its network needs.
    """
    evaluation = configs / f"evaluate{name}.yaml"
    parts = ("network_def", "backbone") if name else ("network_def", "backbone", "probabilities")
    ckpt_export(
        net_id="network_def",
        filepath=str(path),
        ckpt_file=str(weights),
        meta_file=str(configs / "metadata.json"),
        config_file=str(configs / f"inference{name}.json"),
        **{part: f"%{evaluation}#{part}" for part in parts},
        **overrides,
    )
    return path
