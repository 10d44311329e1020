"""The readme of an archive: its model card, with data format, network, training and commands as of these weights."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from ...references import closure, evaluated, is_plain
from .archive_metadata import HYPER_PARAMETERS
from .model_card import render_template
from .trained_classifier import TrainedClassifier

__all__ = ["find_picture", "network_rows", "render_readme"]

_IMAGE = re.compile(r"!\[([^\]]+)\]\((\w+\.png)\)")  # in Markdown


def render_readme(
    classifier: TrainedClassifier, *, name: str, target: str, hashes: Mapping[str, str], curve: bool
) -> str:
    """Markdown of ``docs/README.md``.

    Args:
        classifier: classifier that is packaged.
        name: name of the archive.
        target: target of the archive.
        hashes: SHA-256 of the files of the weights, by name.
        curve: whether ``docs/training.png`` belongs to the archive.
    """
    picture = find_picture(classifier.bundle)
    return render_template(
        "archive_readme.md.j2",
        classifier.metadata,
        classifier.metrics,
        hashes,
        tags=_tags(classifier.metadata),
        picture=picture and {"caption": picture[0], "file": picture[1].name},
        datalist=_example(classifier),
        masked="mask" in _loaded(classifier.configs["train"]["transforms"]),
        slices=classifier.inference.get("lesion_slices"),
        network=network_rows(classifier),
        curve=curve,
        name=name,
        target=target,
    )


def find_picture(bundle: Path) -> tuple[str, Path] | None:
    """Caption and file of the first picture of a bundle's own page, if it has one."""
    page = bundle / "docs" / "README.md"
    found = _IMAGE.search(page.read_text(encoding="utf-8")) if page.is_file() else None
    return (found[1], bundle / "docs" / found[2]) if found else None


def network_rows(classifier: TrainedClassifier) -> list[tuple[str, str]]:
    """What is known of network and training, as they are and not as the bundle's defaults are.

    Args:
        classifier: classifier that is packaged.
    """
    train, shape = classifier.configs["train"], classifier.reference_inputs.shape[1:]
    rows = [
        ("Network", "<br>".join(f"`{part}`" for part in _parts(classifier.inference))),
        ("Weights", f"{sum(weights.numel() for weights in classifier.network.parameters()):,}"),
        ("Input of the network", " x ".join(map(str, shape))),
    ]
    for title, key in (("Optimizer", "optimizer"), ("Loss", "loss")):
        if isinstance(train.get(key), Mapping):
            rows.append((title, f"`{train[key]['_target_']}`"))
    values = ", ".join(f"{key} {train[key]}" for key in HYPER_PARAMETERS if key in train and _is_value(train[key]))
    source = "as recorded" if classifier.record else "of `train.yaml`; nothing is recorded of this training"
    return [*rows, (f"Settings, {source}", values)]


def _parts(config: Mapping[str, Any]) -> Iterator[str]:
    """Components of the network with the values of their arguments."""
    for key in closure(config, ["network_def"]):
        part = config[key]
        if isinstance(part, Mapping) and "_target_" in part:
            arguments = {name: _value(config, value) for name, value in part.items() if not name.startswith("_")}
            named = ", ".join(f"{name}={value}" for name, value in arguments.items() if value is not None)
            yield f"{part['_target_'].rpartition('.')[2]}({named})"


def _value(config: Mapping[str, Any], value: Any) -> Any:
    """A plain value, following references; ``None`` for components."""
    if isinstance(value, str) and value.startswith("@"):
        target = config.get(value[1:])
        value = None if isinstance(target, Mapping) else evaluated(config, value[1:])
    return value if _is_value(value) else None


def _is_value(value: Any) -> bool:
    return is_plain(value) and not (isinstance(value, str) and value[:1] in ("$", "@"))


def _tags(metadata: Mapping[str, Any]) -> list[str]:
    image = metadata["network_data_format"]["inputs"]["image"]
    modality = image.get("modality", "n/a")
    names = [] if modality == "n/a" else [modality]
    return ["Self-supervised", "Classification", f"{len(image['spatial_shape'])}D", *names]


def _loaded(transforms: Any) -> list[str]:
    """Keys of a row that preprocessing loads."""
    keys = transforms[0].get("keys", []) if isinstance(transforms[0], Mapping) else []
    return [keys] if isinstance(keys, str) else list(keys)


def _example(classifier: TrainedClassifier) -> str:
    """A datalist with the archive's modalities and classes, one row of each section on a line."""
    form = classifier.metadata["network_data_format"]
    channels = list(dict.fromkeys(form["inputs"]["image"]["channel_def"].values()))  # slices have one name
    classes = list(form["outputs"]["pred"]["channel_def"].values())[:-1]  # without "no call"
    pictures = classifier.metadata["data_type"].startswith("png") and "lesion_slices" not in classifier.inference
    suffix = ".png" if pictures else ".nii.gz"
    trained, inferred = classifier.configs["train"]["transforms"], classifier.inference["preprocessing"]["transforms"]
    first, last = ("a", "sub-01"), ("z", "sub-99")
    row = {**_row(*first, channels, suffix, trained), "label": 0, "fold": 0}
    content = {
        "labels": {str(key): name for key, name in enumerate(classes)},
        "modality": {str(key): name for key, name in enumerate(channels)},
        "training": [row],
        "testing": [_row(*last, channels, suffix, inferred)],
    }
    lines = [f"    {json.dumps(key)}: {json.dumps(value)}" for key, value in content.items()]
    return "\n".join(["{", ",\n".join(lines), "}"])


def _row(folder: str, subject: str, channels: list[str], suffix: str, transforms: Any) -> dict[str, Any]:
    files = [f"{folder}/{re.sub('[^a-z0-9]+', '_', name.lower())}{suffix}" for name in channels]
    mask = {"mask": f"{folder}/mask{suffix}"} if "mask" in _loaded(transforms) else {}
    return {"image": files if len(files) > 1 else files[0], **mask, "subject": subject}
