"""``inference.json`` for programs that run no code of this project: TorchScript, and plain values where possible."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from monai.bundle.properties import InferProperties

from ...references import closure, evaluated, is_plain, references

__all__ = ["plain_inference"]

# Ids that users of the config set.
_FOLDERS = ("bundle_root", "dataset_dir", "datalist", "section", "output_dir", "checkpoint", "predictions")
_OPTIONS = (*_FOLDERS, "device", "num_workers", "batch_size", "amp")
# Ids that programs read.
_PARTS = (*(entry["id"] for entry in InferProperties.values() if "::" not in entry["id"]), "network", "dataloader")
# Requirements on the images that scripts/predict.py reads.
_IMAGES = ("in_channels", "missing", "mask_label", "lesion_slices", "slice_axis", "apply_mask", "organ_label")
_ENTRIES = (*_PARTS, *_IMAGES, "imports", "initialize", "run", "evaluating")
_DROPPED = object()


def plain_inference(config: Mapping[str, Any]) -> dict[str, Any]:
    """The config with everything that follows from the trained classifier evaluated, and without unused ids.

    Only paths below the archive's folder, the device and the writers of results remain to be evaluated.

    Args:
        config: ``inference`` of a bundle, with TorchScript as ``network_def``.
    """
    number = evaluated(config, "num_classes")
    columns = ["subject", *(f"probability_{k}" for k in range(number)), "no_call"]
    config = {**config, "columns": columns}
    worked_out = {key: _worked_out(value, config) for key, value in config.items()}
    return {key: worked_out[key] for key in closure(worked_out, [name for name in _ENTRIES if name in config])}


def _worked_out(value: Any, config: Mapping[str, Any]) -> Any:
    if isinstance(value, Mapping):
        entries = {key: _worked_out(item, config) for key, item in value.items()}
        return _DROPPED if entries.pop("_disabled_", False) is True else entries
    if isinstance(value, list):
        items = [_worked_out(item, config) for item in value]
        return [item for item in items if item is not _DROPPED]
    if not isinstance(value, str) or not (named := references(value)):
        return value
    if set(closure(config, named)) & {*_OPTIONS, *_PARTS}:
        return value
    if value.startswith("@") and isinstance(part := config[value[1:]], Mapping) and "_target_" in part:
        return _worked_out(part, config)
    found = evaluated({**config, "_": value}, "_")
    return found if is_plain(found) else value
