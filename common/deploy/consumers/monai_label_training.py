"""Configs with which MONAI Label 0.8.5 serves a classifier and trains it further on what its users label."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...errors import InputError
from ...files import write_atomically
from ..packaging.library import copy_library
from ..packaging.plain_inference import plain_inference
from ..packaging.trained_classifier import TrainedClassifier
from ..packaging.trained_configs import with_known_sizes
from .monai_label import check_name, label_inference, loading_of_one_file

__all__ = ["label_training", "write_monai_label_training"]

_CLASS = "int(monai.transforms.LoadImage(image_only=True)(row['label']).max())"
# Inverse frequencies, as in training; of a class that nobody has labelled yet, as if it were there once.
_WEIGHTS = "$[len(@labels) / (@num_classes * max(@labels.count(k), 1)) for k in range(@num_classes)]"


def write_monai_label_training(classifier: TrainedClassifier, folder: str | Path) -> None:
    """Write the configs of an archive that learns from labels, and the parts of this package that they need.

    Args:
        classifier: with its weights, which go into ``models/model.pt``: there training leaves better ones.
        folder: the archive's folder, whose name tells MONAI Label the task.

    Raises:
        InputError: as :func:`~common.deploy.consumers.monai_label.write_monai_label`; the bundle's training takes
            more than images and labels.
    """
    folder = Path(folder)
    check_name(folder.name)
    plain = plain_inference(classifier.configs["inference"])
    eager = {**classifier.inference, "preprocessing": plain["preprocessing"]}
    inference = label_inference(eager, classifier.metadata, classifier.bundle.name)
    train = label_training(classifier.configs["train"], classifier.metadata, classifier.bundle.name)
    configs = {
        "inference": {"imports": eager["imports"], **inference},
        "train": with_known_sizes(train, classifier.inference),
    }
    configs = copy_library(folder, f"{folder.name}_lib", configs)
    for name, content in {**configs, "metadata": classifier.metadata}.items():
        write_atomically(folder / "configs" / f"{name}.json", json.dumps(content, indent=4) + "\n")


def label_training(config: Mapping[str, Any], metadata: Mapping[str, Any], name: str) -> dict[str, Any]:
    """``train`` for rows of one image file and one label file, as MONAI Label's trainer gives them.

    The class is the largest value in the label file. The best weights go where the server reads them. A run starts from
    there (MONAI Label puts a loader first), not from a checkpoint.

    Args:
        config: ``train`` of a bundle, set as the classifier was trained.
        metadata: of the archive.
        name: of the bundle, for the message.

    Raises:
        InputError: the bundle's training takes more than images and labels.
    """
    config = copy.deepcopy(dict(config))
    transforms = config["transforms"]
    if "attach_radiomics" in config or transforms[0]["_target_"] != "LoadImaged":
        raise InputError(
            f"{name}: its training takes more than an image file and a label, which is all that MONAI Label gives; "
            "expected mlsscl_3d or siam3d_imbalance; train it with train.yaml and package it for target monailabel"
        )
    image = metadata["network_data_format"]["inputs"]["image"]
    loading = loading_of_one_file(image, with_mask="mask" in transforms[0]["keys"])
    label = [
        {"_target_": "LoadImaged", "keys": "label", "image_only": True},
        {"_target_": "Lambdad", "keys": "label", "func": "$lambda label: int(label.max())"},
    ]
    config["transforms"] = [*loading, *label, *transforms[1:]]
    config["labels"] = f"$[{_CLASS} for row in @train#dataset#data]"
    config["class_weights"] = _WEIGHTS
    config["train"]["sampler"]["batch_size"] = "$min(@batch_size, len(@train#dataset))"  # few labels are one batch
    return config | {"output_dir": "$@bundle_root + '/models'", "resume": False, "pretrained_encoder": None}
