"""Configs with which MONAI Label 0.8.5 serves a classifier and continues its training on its users' labels."""

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
# Inverse frequencies, as in training; a class without labels counts as one case.
_WEIGHTS = "$[len(@labels) / (@num_classes * max(@labels.count(k), 1)) for k in range(@num_classes)]"


def write_monai_label_training(classifier: TrainedClassifier, folder: str | Path) -> None:
    """Write the configs of an archive that can be trained, and the parts of this package that they need.

    Args:
        classifier: classifier with its weights.
        folder: folder of the archive, from whose name MONAI Label derives the task.

    Raises:
        InputError: as :func:`~common.deploy.consumers.monai_label.write_monai_label`; the bundle's training needs
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
    """Convert ``train`` for rows of one image file and one label file, as passed by MONAI Label's trainer.

    The class is the largest value in the label file. The best weights are written to the file that the server reads. A
    run starts from that file (MONAI Label puts a loader first), not from a checkpoint.

    Args:
        config: ``train`` of a bundle with the settings of the training.
        metadata: metadata of the archive.
        name: name of the bundle, for error messages.

    Raises:
        InputError: the bundle's training needs more than images and labels.
    """
    train = copy.deepcopy(dict(config))
    transforms = train["transforms"]
    if "attach_radiomics" in train or transforms[0]["_target_"] != "LoadImaged":
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
    train["transforms"] = [*loading, *label, *transforms[1:]]
    train["labels"] = f"$[{_CLASS} for row in @train#dataset#data]"
    train["class_weights"] = _WEIGHTS
    train["train"]["sampler"]["batch_size"] = "$min(@batch_size, len(@train#dataset))"  # few labels are one batch
    return train | {"output_dir": "$@bundle_root + '/models'", "resume": False, "pretrained_encoder": None}
