"""A bundle's classifier with its weights, for packaging."""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ...as_trained import agreed_settings
from ...bundle_configs import BundleConfigs
from ...errors import InputError
from ...exported_inference import input_shape, is_other
from ...networks.weights import load_weights
from ...references import evaluated
from ...training_record import read_training_record
from .archive_metadata import HYPER_PARAMETERS, META, archive_metadata
from .reference_inputs import reference_inputs
from .trained_configs import eager_inference, put_recorded, read_configs

__all__ = ["TrainedClassifier", "read_classifier", "read_json_with", "recorded_settings", "weights_file"]

logger = logging.getLogger(__name__)
_CALIBRATION = ("temperature", "threshold", "num_classes")


@dataclass(frozen=True)
class TrainedClassifier:
    """Contents for an archive.

    Attributes:
        bundle: folder of the bundle.
        weights: file of the state dict.
        configs: all configs of the bundle with the settings of the training.
        inference: ``inference`` with the network itself and ``models/model.pt``.
        metadata: metadata of the bundle with these weights.
        network: network that returns probabilities of the classes and "no call", on the CPU, in evaluation mode.
        reference_inputs: inputs on which all exported formats must agree.
        record: training record of the weights, without subjects and paths; ``None`` if they have none.
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
    record: Mapping[str, Any] | None
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
    recorded: Mapping[str, Any] | None = None,
) -> TrainedClassifier:
    """Rebuild a classifier with the settings of its training.

    Args:
        bundle: name or folder of the bundle.
        weights: ``model.pt`` of ``train.yaml``; by default ``models/model.pt`` of the bundle.
        overlays: overlays of ``train.yaml`` used in training.
        calibration: ``calibration.json`` of ``scripts/calibrate.py``; without it the classifier never abstains.
        metrics: ``metrics.json`` of an evaluation.
        settings: config ids set in training, and their values; ids of metadata begin with ``_meta_#``.
        recorded: result of :func:`recorded_settings`; by default none.

    Raises:
        InputError: a bundle, overlay, id or file does not exist; the weights belong to another network; the network
            needs more than an image; metadata or calibration have other classes or channels.
    """
    folder = BundleConfigs(bundle).root
    calibrated = read_json_with(calibration, _CALIBRATION)
    judged = read_json_with(metrics, ("results",))
    settings = dict(settings or {})
    of_metadata = {key: value for key, value in settings.items() if key.startswith(META)}
    configs = read_configs(folder, overlays, {key: settings[key] for key in settings if key not in of_metadata})
    weights = weights_file(folder, weights)
    record = read_training_record(weights)
    configs = put_recorded(configs, recorded or {})
    configs["train"] = {**configs["train"], **_hyper_parameters(record, configs["train"], settings)}
    inference = eager_inference(configs, _probabilities(calibrated), weights)
    shape = input_shape(inference)
    metadata = archive_metadata(
        json.loads((folder / "configs" / "metadata.json").read_text(encoding="utf-8")),
        shape=shape,
        num_classes=evaluated(inference, "num_classes"),
        calibration=calibrated,
        metrics=judged,
        settings=of_metadata,
        record=record,
        other=is_other(folder, weights),
        slices="lesion_slices" in inference,
    )
    network = load_weights(evaluated(inference, "network_def"), weights).cpu().eval()
    value_range = metadata["network_data_format"]["inputs"]["image"]["value_range"]
    inputs = reference_inputs(network, shape, value_range)
    public = None if record is None else _public(record)
    return TrainedClassifier(folder, weights, configs, inference, metadata, network, inputs, public, calibrated, judged)


def recorded_settings(
    bundle: str | Path, weights: str | Path, overlays: Sequence[str] = (), settings: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Ids of ``train.yaml`` with their values in the weights' training record, except those in ``settings``.

    Args:
        bundle: name or folder of the bundle.
        weights: ``model.pt`` of ``train.yaml``.
        overlays: overlays of ``train.yaml``, if given again.
        settings: config ids and their values, if given again.

    Raises:
        InputError: overlays or settings contradict the weights.
    """
    folder = BundleConfigs(bundle).root
    record = read_training_record(weights)
    if record is None:
        logger.warning(f"{weights}: nothing is known of its training; the settings of this command are used")
        return {}
    typed = {name: value for name, value in (settings or {}).items() if not name.startswith(META)}
    content = read_configs(folder, overlays, typed)["train"]
    return agreed_settings(record, content, str(folder), "train", weights)


def _hyper_parameters(
    record: Mapping[str, Any] | None, config: Mapping[str, Any], settings: Mapping[str, Any]
) -> dict[str, Any]:
    """Hyper-parameters of the training that the record has, so that ``train`` trains as these weights were trained."""
    options = (record or {}).get("options", {})
    return {key: options[key] for key in HYPER_PARAMETERS if key in options and key in config and key not in settings}


def _public(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record for publication, without subjects' names, folders, and the components, which are in the configs."""
    settings = {name: value for name, value in record["settings"].items() if _is_portable(value)}
    left_out = ("options", "subjects", "settings")
    kept = {name: value for name, value in record.items() if name not in left_out}
    counts = {part: len(names or ()) for part, names in record["subjects"].items()}
    return {**kept, "settings": settings, "subjects": {}, "number_of_subjects": counts}


def _is_portable(value: Any) -> bool:
    text = json.dumps(value)
    return not any(mark in text for mark in ("$", "@", "%", "_target_", "/"))


def weights_file(folder: Path, weights: str | Path | None) -> Path:
    """Path of the ``model.pt`` to package, by default the bundle's.

    Raises:
        InputError: there is no such file.
    """
    path = folder / "models" / "model.pt" if weights is None else Path(weights)
    if not path.is_file():
        raise InputError(f"{path}: no such file; expected the model.pt that train.yaml wrote; name it with --weights")
    return path


def _probabilities(calibration: Mapping[str, Any] | None) -> dict[str, Any]:
    values = {key: calibration[key] for key in ("temperature", "threshold")} if calibration else {}
    return {"_target_": "common.networks.CalibratedSoftmax", "temperature": 1.0, "threshold": 0.0} | values


def read_json_with(path: str | Path | None, names: Sequence[str]) -> dict[str, Any] | None:
    """Content of a JSON file with these entries; ``None`` without a file.

    Raises:
        InputError: it cannot be read, or an entry is missing.
    """
    if path is None:
        return None
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        if missing := [name for name in names if name not in content]:
            raise ValueError(f"no {', '.join(missing)}")
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"{path}: {error}; expected JSON with {', '.join(names)}; name another file") from error
    return content
