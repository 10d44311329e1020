"""Hash of everything on which results depend besides the images."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...images.dicom_rules import DicomRule
from .prediction import ModelIdentity

__all__ = ["model_digest"]


def model_digest(
    root: Path,
    model: ModelIdentity,
    rules: Mapping[str, DicomRule],
    settings: Mapping[str, Any],
    config: str = "inference.json",
) -> str:
    """Hash of weights, configs, rules and settings.

    Args:
        root: folder of the archive or bundle.
        model: identity of the model, with the hash of its weights.
        rules: rules that distinguish DICOM series.
        settings: ids of the config that were set, and their values.
        config: name of the config.
    """
    configs = [(root / "configs" / name).read_text() for name in (config, "metadata.json")]
    # The device is left out: all devices should give the same prediction.
    others = {name: value for name, value in settings.items() if name != "device"}
    conditions = [
        (name, {key: pattern.pattern for key, pattern in rule.texts.items()}, dict(rule.ranges))
        + (() if rule.frame is None else (rule.frame,))
        for name, rule in rules.items()
    ]
    return hashlib.sha256(repr([model, configs, conditions, others]).encode()).hexdigest()
