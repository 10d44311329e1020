"""The inference config that belongs to an exported network: the bundle's, set as the network was trained."""

from __future__ import annotations

import copy
import json
import logging
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .files import file_digest, write_atomically
from .options import UNKNOWN, calling_parser, plain_value
from .references import evaluated, is_plain, references
from .training_record import SECTIONS, ids_of, input_names, is_counted, read_training_record

if TYPE_CHECKING:
    import torch
    from monai.bundle import ConfigParser

__all__ = [
    "OF_OTHER_WEIGHTS",
    "OWN_FOLDERS",
    "exported_inference",
    "exported_metadata",
    "input_shape",
    "is_other",
    "metadata_of_weights",
    "named_classes",
    "save_exported",
]

logger = logging.getLogger(__name__)
#: Folders of an inference config that is used from its own folder, instead of the bundle's in this checkout.
OWN_FOLDERS = {"bundle_root": ".", "dataset_dir": "$@bundle_root + '/data'"}
#: Ids that inference shares with training and that no transform names.
_MORE = ("in_channels", "num_classes", "roi_size", "overlap")
#: Metadata in place of those that describe the weights of the repository, for all others.
OF_OTHER_WEIGHTS: Mapping[str, Any] = {
    "data_source": "the cohort that these weights were trained on",
    "eval_metrics": {"held_out_subjects": 0},
    "image_classes": "as inference.json prepares them",
    "training": "Not recorded for these weights.",
}
_ANOTHER_NETWORK = "segmentation"  # id of a bundle's metadata with those of its segmenter
# Lists of which a part describes the weights of the repository, under a name that begins with "reference_".
_DESCRIBED = {
    "limitations": "Not recorded for these weights, which are not those of the repository; of the method:",
    "failure_modes": "Not recorded for these weights; of the method:",
}


def metadata_of_weights(metadata: Mapping[str, Any], other: bool) -> dict[str, Any]:
    """Metadata of a bundle, for its own weights or for others.

    Args:
        metadata: metadata of the bundle, where ``reference_limitations`` and ``reference_failure_modes`` are those of
            the weights that ship, and ``limitations`` and ``failure_modes`` hold for all weights.
        other: whether the weights are others, of which scores, cohort and training are unknown.

    Returns:
        Metadata without entries whose name begins with ``reference_``, and without those of another network.
    """
    found = {
        key: value for key, value in metadata.items() if not key.startswith("reference_") and key != _ANOTHER_NETWORK
    }
    if other:
        found |= OF_OTHER_WEIGHTS
    for key, unknown in _DESCRIBED.items():
        own = [unknown] if other else metadata.get(f"reference_{key}", [])
        found[key] = [*own, *metadata.get(key, [])]
    return found


def exported_inference(torchscript: str | Path, name: str = "inference") -> bytes:
    """Write ``<name>.json`` beside the TorchScript that the run whose config calls this exports.

    The bundle's own ``<name>.json`` describes the weights that ship. An export of other weights needs its own: with the
    image size, spacing and intensity range of its training, or its images are not those that it was trained on.

    Args:
        torchscript: file that is exported.
        name: name of the inference config in the bundle's ``configs``.

    Returns:
        Content of the file, which travels in the TorchScript too.
    """
    parser = calling_parser()
    assert parser is not None, "called outside a config"
    text = json.dumps(_set_as_trained(parser, name), indent=4) + "\n"
    write_atomically(Path(torchscript).with_name(f"{name}.json"), text)
    return text.encode()


def save_exported(network: torch.jit.ScriptModule, torchscript: str | Path, **options: Any) -> None:
    """Write TorchScript completely or not at all; torch itself ends the process where a disk is full.

    Args:
        network: scripted network.
        torchscript: file to write or to replace.
        **options: arguments of :func:`monai.data.save_net_with_metadata`.
    """
    from monai.data import save_net_with_metadata  # here, as scripts that import this package need not wait for MONAI

    written = BytesIO()
    save_net_with_metadata(network, written, **options)
    write_atomically(torchscript, written.getvalue())


def exported_metadata(checkpoint: str | Path, name: str = "inference", part: str | None = None) -> dict[str, Any]:
    """Metadata of the network that the run whose config calls this exports.

    The bundle's ``metadata.json`` describes the weights that ship. For others, channels, classes and shapes are those
    of their training, and scores, limitations and the like are replaced by :data:`OF_OTHER_WEIGHTS`.

    Args:
        checkpoint: file of the weights.
        name: name of the inference config in the bundle's ``configs``.
        part: id of the metadata whose content replaces the classifier's, such as ``segmentation``.
    """
    parser = calling_parser()
    assert parser is not None, "called outside a config"
    metadata = copy.deepcopy(parser["_meta_"])
    other = is_other(str(parser.get_parsed_content("bundle_root")), checkpoint)
    metadata = metadata_of_weights(metadata | (metadata[part] if part else {}), other)
    if not other:
        return metadata
    config, record = _set_as_trained(parser, name), read_training_record(checkpoint) or {}
    channels, classes = (int(parser.get_parsed_content(key)) for key in ("in_channels", "num_classes"))
    inputs, outputs = (metadata["network_data_format"][kind] for kind in ("inputs", "outputs"))
    shape = [*map(int, input_shape({**config, "in_channels": channels}))]
    for form, names in (
        (inputs["image"], input_names(record, channels) or [f"channel_{key}" for key in range(channels)]),
        (outputs["pred"], record.get("classes") or [f"class {key}" for key in range(classes)]),
    ):
        form |= {"num_channels": len(names), "channel_def": {str(key): name for key, name in enumerate(names)}}
        form["spatial_shape"] = shape[1:] if form["spatial_shape"] else []  # none of a classifier's probabilities
    inputs["image"]["modality"] = "n/a"
    metadata.pop("calibration", None)  # of an archive
    return metadata | named_classes(outputs["pred"])


def is_other(bundle: str | Path, checkpoint: str | Path) -> bool:
    """Whether the weights are others than those that ship with their bundle.

    Args:
        bundle: folder of the bundle.
        checkpoint: file of the weights.
    """
    shipped = [file_digest(path, "sha256") for path in Path(bundle, "models").glob("*.pt")]
    return file_digest(checkpoint, "sha256") not in shipped


def named_classes(pred: Mapping[str, Any]) -> dict[str, str]:
    """Texts of the metadata on labels and outputs.

    Args:
        pred: ``pred`` of the metadata's ``outputs``, with the names of its channels.
    """
    names = pred["channel_def"]
    return {
        "label_classes": ", ".join(f"{key}: {name}" for key, name in names.items()),
        "pred_classes": ", ".join(
            f"{'logit' if pred['type'] == 'image' else 'probability'} of {name}" for name in names.values()
        ),
    }


def input_shape(inference: Mapping[str, Any]) -> tuple[int, ...]:
    """Shape of one input, channels first, after transpositions in preprocessing.

    Args:
        inference: content of an inference config.
    """
    size = "roi_size" if "roi_size" in inference else "image_size"
    shape = (evaluated(inference, "in_channels"), *evaluated(inference, size))
    for transform in inference["preprocessing"]["transforms"]:
        if isinstance(transform, Mapping) and transform["_target_"] == "Transposed":
            shape = tuple(shape[axis] for axis in transform["indices"])
    return shape


def _set_as_trained(parser: ConfigParser, name: str) -> dict[str, Any]:
    """The bundle's inference config with the values that the calling run's config has."""
    content = parser.get()
    root = Path(str(parser.get_parsed_content("bundle_root")))
    config = json.loads((root / "configs" / f"{name}.json").read_text(encoding="utf-8"))
    config |= OWN_FOLDERS
    for key in (*ids_of(content, SECTIONS), *_MORE):
        if key not in config or key not in content or key in (*SECTIONS, "checkpoint"):  # that is the TorchScript here
            continue
        value = parser.get_parsed_content(key) if is_counted(content, key) else _plain(content, key)
        if is_plain(value) and value is not UNKNOWN and not references(value) and "common." not in str(value):
            config[key] = value
        else:
            logger.warning(f"{name}.json: {key} is not that of the training, which needs Python; correct it there")
    return config


def _plain(content: Mapping[str, Any], key: str) -> Any:
    return plain_value(content, key) if isinstance(content[key], str) else content[key]
