"""``metadata.json`` of an archive: the bundle's, completed for the trained weights."""

from __future__ import annotations

import copy
from collections.abc import Mapping, Sequence
from typing import Any

from monai.bundle import ConfigParser

from ...errors import InputError
from ...exported_inference import metadata_of_weights, named_classes
from ...images.dicom_rules import series_rules
from ...programs import command_of
from ...training_record import input_names
from ..prediction.prediction import NO_CALL

__all__ = ["HYPER_PARAMETERS", "META", "archive_metadata"]

#: Prefix of metadata ids among those of configs.
META = "_meta_"
#: Ids of ``train`` that say how long and how fast it trains.
HYPER_PARAMETERS = ("max_epochs", "batch_size", "learning_rate", "weight_decay", "amp", "seed")


def archive_metadata(
    metadata: Mapping[str, Any],
    *,
    shape: Sequence[int],
    num_classes: int,
    calibration: Mapping[str, Any] | None = None,
    metrics: Mapping[str, Any] | None = None,
    settings: Mapping[str, Any] | None = None,
    record: Mapping[str, Any] | None = None,
    other: bool = False,
    slices: bool = False,
) -> dict[str, Any]:
    """The bundle's metadata, completed for a trained network.

    Args:
        metadata: metadata of the bundle.
        shape: shape of the network's input, channels first, without the batch axis.
        num_classes: number of classes, without "no call".
        calibration: content of ``calibration.json``; with ``None``, the metadata say that nothing is calibrated.
        metrics: content of the ``metrics.json`` of an evaluation; ``None`` leaves the bundle's ``eval_metrics``,
            which for other weights say that none was evaluated.
        settings: ids of the metadata with their values, as MONAI's tools take them: ``_meta_#version``.
        record: training record of the weights, with classes and modalities of the datalist in order.
        other: whether the weights are not those that ship with the bundle, which its metadata describe.
        slices: whether the network's channels are slices of one modality, which is then the name of each.

    Raises:
        InputError: the metadata name other channels or classes than the network has or was trained with, or lack an id
            that is set, or the calibration is of another number of classes.
    """
    metadata = metadata_of_weights(copy.deepcopy(dict(metadata)), other)
    if other:
        metadata |= _recorded(record or {})
    metadata = _set(metadata, settings or {})
    inputs, outputs = (metadata["network_data_format"][kind] for kind in ("inputs", "outputs"))
    image, pred = inputs["image"], outputs["pred"]
    image |= {"num_channels": shape[0], "spatial_shape": list(shape[1:])}
    if slices and len(image["channel_def"]) == 1:
        image["channel_def"] = list(_names(image["channel_def"], 1, "inputs#image").values()) * shape[0]
    for place, channels, names in (
        ("inputs#image", image, input_names(record or {}, shape[0])),
        ("outputs#pred", pred, (record or {}).get("classes")),
    ):
        if names:
            key = f"{META}#network_data_format#{place}#channel_def"
            if key in (settings or {}) and list(_names(channels["channel_def"], len(names), place).values()) != names:
                raise InputError(
                    f"{key}: found {channels['channel_def']}; expected {', '.join(names)}, in this order, as the "
                    "weights were trained; leave it out"
                )
            channels["channel_def"] = names
    image["channel_def"] = _names(image["channel_def"], shape[0], "inputs#image")
    if "dicom_rules" in metadata and f"{META}#dicom_rules" not in (settings or {}):
        names = list(dict.fromkeys(image["channel_def"].values()))  # slices have one name
        metadata["dicom_rules"] = series_rules(metadata["dicom_rules"], names)
    classes = _names(pred["channel_def"], num_classes, "outputs#pred")
    if other:
        texts = named_classes({**pred, "channel_def": classes})
        metadata |= {key: text for key, text in texts.items() if f"{META}#{key}" not in (settings or {})}
    pred |= {"num_channels": num_classes + 1, "channel_def": {**classes, str(num_classes): NO_CALL}}
    if calibration is not None and calibration["num_classes"] != num_classes:
        raise InputError(
            f"calibration: made for {calibration['num_classes']} classes; expected the network's {num_classes}; "
            f"calibrate this classifier with {command_of('calibrate')}"
        )
    uncalibrated = {"temperature": 1.0, "threshold": 0.0}
    metadata["calibration"] = {"calibrated": calibration is not None, **(calibration or uncalibrated)}
    if metrics is not None:
        found = metrics["results"][0]["metrics"]
        metadata["eval_metrics"] = {name: values["value"] for name, values in found.items()}
    return metadata


def _recorded(record: Mapping[str, Any]) -> dict[str, str]:
    """Texts on cohort and training, as far as the weights have a record of them."""
    subjects, options = record.get("subjects") or {}, record.get("options") or {}
    if not subjects.get("training"):
        return {}
    held = f", {len(subjects['validation'])} held out to choose the epoch" if subjects.get("validation") else ""
    cohort = f"{len(subjects['training'])} subjects of the packager's cohort{held}"
    if record.get("datalist"):
        cohort += f"; SHA-256 of its datalist: {record['datalist']}"
    named = [f"{name} {options[name]}" for name in HYPER_PARAMETERS if name in options]
    start = "Fine-tuned from pre-trained weights" if options.get("pretrained_encoder") else "Trained"
    versions = [f"{name} {version}" for name, version in (record.get("versions") or {}).items() if version]
    described = [
        start,
        *([f"with {', '.join(named)}"] if named else []),
        *([f"by {', '.join(versions)}"] if versions else []),
    ]
    return {"data_source": cohort, "training": f"{' '.join(described)}; docs/provenance.json has all settings."}


def _set(metadata: dict[str, Any], settings: Mapping[str, Any]) -> dict[str, Any]:
    parser = ConfigParser({META: metadata})
    for key, value in settings.items():
        if key.rpartition("#")[0] not in parser:
            raise InputError(f"{key}: metadata.json has no such id; correct it")
        parser[key] = value
    return metadata


def _names(channels: Mapping[Any, str] | Sequence[str], number: int, place: str) -> dict[str, str]:
    """Name of each channel, by its number as text."""
    items = channels.items() if isinstance(channels, Mapping) else enumerate(channels)
    names = {str(key): str(name) for key, name in items}
    if sorted(names) != sorted(map(str, range(number))):
        example = ",".join(f"{key}:name" for key in range(number))
        raise InputError(
            f"metadata.json: {place} names {len(names)} channels ({', '.join(names.values())}); expected the "
            f'network\'s {number}; add --{META}#network_data_format#{place}#channel_def "{{{example}}}"'
        )
    return names
