"""Configs with which the stock ``monaibundle`` app of MONAI Label 0.8.5 serves a classifier."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...errors import InputError
from ...files import write_atomically
from ...references import closure
from ..packaging.plain_inference import plain_inference

__all__ = ["check_name", "label_inference", "loading_of_one_file", "write_monai_label"]

_IDS = ("bundle_root", "device", "network_def", "preprocessing", "postprocessing", "inferer")  # read by the app
_TASK = "classification"
_OTHER_TASKS = ("deepedit", "deepgrow", "detection", "segmentation")  # checked first by the app
_LEFT_OUT = ("LoadImaged", "SelectItemsd")  # the app needs the row's other entries


def write_monai_label(
    bundle: str | Path, folder: str | Path, configs: Mapping[str, Mapping[str, Any]], metadata: Mapping[str, Any]
) -> None:
    """Write ``configs/inference.json`` and ``configs/metadata.json`` of an archive without Python.

    Args:
        bundle: folder of the bundle.
        folder: folder of the archive, from whose name the app derives the task.
        configs: configs of the bundle with the settings of the training; ``inference`` is used.
        metadata: metadata of the archive.

    Raises:
        InputError: the app would not recognise the task from the folder's name, or would confuse or lose classes.
    """
    check_name(Path(folder).name)
    inference = label_inference(plain_inference(configs["inference"]), metadata, Path(bundle).name)
    for name, content in {"inference": inference, "metadata": metadata}.items():
        write_atomically(Path(folder) / "configs" / f"{name}.json", json.dumps(content, indent=4) + "\n")


def check_name(name: str) -> None:
    """Check that MONAI Label recognises the task of a folder as classification.

    Args:
        name: name of the folder.

    Raises:
        InputError: it would recognise another task or none.
    """
    others = [task for task in _OTHER_TASKS if task in name.lower()]
    if _TASK not in name.lower() or others:
        found = f"found {', '.join(others)}" if others else f"found no {_TASK}"
        raise InputError(
            f"{name}: {found} in the name, by which MONAI Label knows the task; expected {_TASK} and no other task; "
            "give another --name"
        )


def label_inference(config: Mapping[str, Any], metadata: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Convert ``inference`` for the app, which takes one file and expects a vector with a score for each class.

    The app appends a transform that resizes ``pred`` to the image (``Restored``), which fails on a vector; without an
    image it does nothing. Its writer of scores needs a tensor with metadata.

    Args:
        config: ``inference`` of a bundle, without disabled components.
        metadata: metadata of the archive.
        name: name of the bundle, for error messages.

    Raises:
        InputError: the app would confuse or lose classes.
    """
    form = metadata["network_data_format"]
    _check_classes(list(form["outputs"]["pred"]["channel_def"].values()), name)
    transforms = config["preprocessing"]["transforms"]
    rest = [transform for transform in transforms if _target(transform) not in _LEFT_OUT]
    loading = loading_of_one_file(form["inputs"]["image"], with_mask=_needs_mask(transforms))
    if any(_target(transform) == "Spacingd" for transform in rest):
        # MONAI takes every key that begins with image_ for metadata of a NIfTI image, this text of the app too
        loading.append({"_target_": "DeleteItemsd", "keys": "image_path"})
    changed = {
        **config,
        "preprocessing": {"_target_": "Compose", "transforms": [*loading, *rest]},
        "postprocessing": {
            "_target_": "Compose",
            "transforms": [
                {"_target_": "EnsureTyped", "keys": "pred", "track_meta": True},
                {"_target_": "DeleteItemsd", "keys": ["image", "image_meta_dict"]},
            ],
        },
    }
    return {key: changed[key] for key in closure(changed, _IDS)}


def loading_of_one_file(image: Mapping[str, Any], with_mask: bool) -> list[dict[str, Any]]:
    """Transforms that load ``image`` from one file, and ``mask`` from its last channel.

    MONAI Label passes one image file to a task, and one image and one label to its trainer. So what are several files
    elsewhere are channels of one: for a volume, the fourth dimension of NIfTI; for a slice, the colours of a PNG, whose
    alpha may be the mask, or a NIfTI file of one slice.

    Args:
        image: image entry of the metadata, with ``num_channels`` and ``spatial_shape`` without the mask.
        with_mask: whether the last channel is the mask.
    """
    channels = image["num_channels"]
    loading: list[dict[str, Any]] = [{"_target_": "LoadImaged", "keys": "image", "ensure_channel_first": True}]
    if len(image["spatial_shape"]) == 2:  # a NIfTI with channels has a third axis, of length 1
        loading.append({"_target_": "SqueezeDimd", "keys": "image", "dim": None, "update_meta": False})
        if channels == 1 and not with_mask:
            loading.append({"_target_": "EnsureChannelFirstd", "keys": "image", "channel_dim": "no_channel"})
    if with_mask:
        names = [*map(str, range(channels)), "mask"]
        parts = [f"image_{name}" for name in names]
        loading += [
            {"_target_": "SplitDimd", "keys": "image", "dim": 0, "output_postfixes": names},
            {"_target_": "ConcatItemsd", "keys": parts[:-1], "name": "image"},
            {"_target_": "CopyItemsd", "keys": parts[-1], "names": "mask"},
            {"_target_": "DeleteItemsd", "keys": parts},
        ]
    return loading


def _needs_mask(transforms: Sequence[Any]) -> bool:
    """Whether a transform uses the mask, by one of its keys or in the expression of a ``Lambda``."""
    return any(
        "mask" in (transform.get("source_key"), transform.get("mask_key")) or "row['mask']" in transform.get("func", "")
        for transform in transforms
    )


def _target(transform: Mapping[str, Any]) -> str:
    return transform["_target_"].rpartition(".")[2]


def _check_classes(names: list[str], bundle: str) -> None:
    lost = [name for name in names if name.lower() == "background"]
    alike = [name for name in names if [other.lower() for other in names].count(name.lower()) > 1]
    if lost or alike:
        what = (
            f"{', '.join(lost)}, which MONAI Label leaves out"
            if lost
            else f"{', '.join(alike)}, alike in small letters"
        )
        raise InputError(
            f"{bundle}: classes {what}; expected names that MONAI Label keeps apart; rename them in metadata.json"
        )
