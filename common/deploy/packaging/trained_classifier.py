"""A bundle's classifier with its weights, as it is to be packaged."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ...bundle_configs import BundleConfigs
from ...errors import InputError
from ...networks.weights import load_weights
from ...references import evaluated
from .archive_metadata import META, archive_metadata
from .reference_inputs import reference_inputs
from .trained_configs import eager_inference, read_configs

__all__ = ["TrainedClassifier", "read_classifier"]

_CALIBRATION = ("temperature", "threshold", "num_classes")


@dataclass(frozen=True)
class TrainedClassifier:
    """What an archive is made of.

    Attributes:
        bundle: its folder.
        weights: file of the state dict.
        configs: all of the bundle's, set as the classifier was trained.
        inference: ``inference`` with the network itself and ``models/model.pt``.
        metadata: of the bundle with these weights.
        network: gives probabilities of the classes and "no call"; on the CPU, in evaluation mode.
        reference_inputs: inputs on which all exported formats must agree.
        calibration: content of ``calibration.json``, if any.
        metrics: content of the ``metrics.json`` of an evaluation, if any.
    """

    bundle: Path
    weights: Path
    configs: Mapping[str, Mapping[str, Any]]
    inference: Mapping[str, Any]
    metadata: Mapping[str, Any]
    network: nn.Module
    reference_inputs: torch.Tensor
    calibration: Mapping[str, Any] | None
    metrics: Mapping[str, Any] | None


def read_classifier(
    bundle: str | Path,
    weights: str | Path | None = None,
    *,
    overlays: Sequence[str] = (),
    calibration: str | Path | None = None,
    metrics: str | Path | None = None,
    settings: Mapping[str, Any] | None = None,
) -> TrainedClassifier:
    """Put a classifier together again.

    Args:
        bundle: its name, or its folder.
        weights: ``model.pt`` of ``train.yaml``; by default ``models/model.pt`` of the bundle.
        overlays: of ``train.yaml``, with which it was trained.
        calibration: ``calibration.json`` of ``scripts/calibrate.py``; without one it never abstains.
        metrics: ``metrics.json`` of an evaluation.
        settings: ids with which it was trained, and their values; those of metadata begin with ``_meta_#``.

    Raises:
        InputError: there is no such bundle, overlay, id or file; the weights are another network's; the network takes
            more than an image; metadata or calibration are of other classes or channels.
    """
    folder = BundleConfigs(bundle).root
    calibrated = _read(calibration, _CALIBRATION)
    judged = _read(metrics, ("results",))
    settings = dict(settings or {})
    of_metadata = {key: value for key, value in settings.items() if key.startswith(META)}
    configs = read_configs(folder, overlays, {key: settings[key] for key in settings if key not in of_metadata})
    weights = _weights(folder, weights)
    inference = eager_inference(configs, _probabilities(calibrated), weights)
    shape = _shape(inference)
    metadata = archive_metadata(
        json.loads((folder / "configs" / "metadata.json").read_text(encoding="utf-8")),
        shape=shape,
        num_classes=evaluated(inference, "num_classes"),
        calibration=calibrated,
        metrics=judged,
        settings=of_metadata,
    )
    network = load_weights(evaluated(inference, "network_def"), weights).cpu().eval()
    value_range = metadata["network_data_format"]["inputs"]["image"]["value_range"]
    inputs = reference_inputs(network, shape, value_range)
    return TrainedClassifier(folder, weights, configs, inference, metadata, network, inputs, calibrated, judged)


def _weights(folder: Path, weights: str | Path | None) -> Path:
    path = folder / "models" / "model.pt" if weights is None else Path(weights)
    if not path.is_file():
        raise InputError(f"{path}: no such file; expected the model.pt that train.yaml wrote; name it with --weights")
    return path


def _probabilities(calibration: Mapping[str, Any] | None) -> dict[str, Any]:
    values = {key: calibration[key] for key in ("temperature", "threshold")} if calibration else {}
    return {"_target_": "common.networks.CalibratedSoftmax", "temperature": 1.0, "threshold": 0.0} | values


def _shape(inference: Mapping[str, Any]) -> tuple[int, ...]:
    """Of one input, channels first, after what preprocessing does to the order of the axes."""
    shape = (evaluated(inference, "in_channels"), *evaluated(inference, "image_size"))
    for transform in inference["preprocessing"]["transforms"]:
        if isinstance(transform, Mapping) and transform["_target_"] == "Transposed":
            shape = tuple(shape[axis] for axis in transform["indices"])
    return shape


def _read(path: str | Path | None, names: Sequence[str]) -> dict[str, Any] | None:
    if path is None:
        return None
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        if missing := [name for name in names if name not in content]:
            raise ValueError(f"no {', '.join(missing)}")
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"{path}: {error}; expected JSON with {', '.join(names)}; name another file") from error
    return content
