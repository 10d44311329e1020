"""The configs of an archive, and the files that they name."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ...errors import InputError
from ...files import write_atomically
from ...references import evaluated, references
from .library import copy_library
from .plain_inference import plain_inference
from .trained_classifier import TrainedClassifier
from .trained_configs import with_known_sizes

__all__ = ["as_json", "named_files", "portable_settings", "with_cache_elsewhere", "write_configs"]

_OF_THE_BUNDLE = re.compile(r"@bundle_root \+ '/([\w./-]+)'")  # a file that a config names
_OF_USERS = ("data", "models", "outputs", "cache")  # folders of the bundle for users' own files
_CACHE, _IMPORT_OS = "$@bundle_root + '/cache'", "$import os"
_SETTINGS = "settings"  # folder of an archive for files that were given as settings
_IN_ARCHIVES = {"multi_gpu": "multi_gpu_train"}  # names of configs in the model zoo
# Overlay on inference.json for an engine that "monai.bundle trt_export" made.
_TENSORRT = {
    "+imports": ["$import torch_tensorrt"],
    "network_def": "$torch.jit.load(@bundle_root + '/models/model_trt.ts')",
    "network": "$@network_def.to(@device)",
    "amp": False,
}
_TEXTS = (".json", ".yaml", ".yml")


def as_json(content: Any) -> str:
    """A config's text."""
    return json.dumps(content, indent=4) + "\n"


def portable_settings(settings: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Path]]:
    """Settings that are valid on other machines.

    Args:
        settings: config ids and their values.

    Returns:
        The settings, with files replaced by their path in the archive; and these files by that path.

    Raises:
        InputError: a value is a path on this machine that cannot be packaged.
    """
    portable, files = dict(settings), {}
    for key, value in settings.items():
        if not isinstance(value, str) or value.startswith(("$", "@")) or not _is_place(value):
            continue
        if not (Path(value).is_file() and Path(value).suffix in _TEXTS):
            raise InputError(
                f"{key}: {value} is a place on this machine; expected what belongs to the classifier, or a file of "
                f"settings ({', '.join(_TEXTS)}); leave it out"
            )
        place = f"{_SETTINGS}/{Path(value).name}"
        portable[key], files[place] = f"$@bundle_root + '/{place}'", Path(value)
    return portable, files


def write_configs(classifier: TrainedClassifier, archive: Path, files: Mapping[str, Path] | None = None) -> None:
    """Write ``configs`` of an archive without Python, or all configs with the library and the files that they name.

    Args:
        classifier: classifier to package.
        archive: folder of the archive.
        files: files given as settings, by their path in the archive; ``None`` for an archive without Python.
    """
    configs = {"inference": plain_inference(classifier.configs["inference"])}
    if files is not None:
        train = with_known_sizes(classifier.configs["train"], classifier.inference)
        own = {**classifier.configs, "inference": classifier.inference, "train": train}
        copied = copy_library(archive, f"{archive.name}_lib", own)
        configs = {
            _IN_ARCHIVES.get(key, key): with_cache_elsewhere(config, archive.name) for key, config in copied.items()
        } | {"inference_trt": _TENSORRT}
        of_bundle = ["configs/logging.conf", *named_files(classifier.bundle, configs)]
        places = {name: classifier.bundle / name for name in of_bundle} | _files_of_weights(classifier) | dict(files)
        for place, file in places.items():
            (archive / place).parent.mkdir(parents=True, exist_ok=True)
            if place.endswith(".json"):
                write_atomically(archive / place, as_json(json.loads(file.read_text(encoding="utf-8"))))
            else:
                shutil.copyfile(file, archive / place)
    for config, content in {**configs, "metadata": classifier.metadata}.items():
        write_atomically(archive / "configs" / f"{config}.json", as_json(content))


def with_cache_elsewhere(config: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A config whose cache is in the user's home, so that using an archive does not add files to it."""
    if config.get("cache_dir") != _CACHE:
        return dict(config)
    imports = config.get("imports", [])
    more = [] if _IMPORT_OS in imports else [_IMPORT_OS]
    return {**config, "imports": [*imports, *more], "cache_dir": f"$os.path.expanduser('~/.cache/{name}')"}


def _is_place(value: str) -> bool:
    return "/" in value and (Path(value).is_absolute() or Path(value).exists())


def _files_of_weights(classifier: TrainedClassifier) -> dict[str, Path]:
    """Files that ``evaluate`` expects beside the weights, such as the scaling of radiomics."""
    config = {**classifier.configs["train"], **classifier.configs["evaluate"], "checkpoint": str(classifier.weights)}
    names = [name for name, value in config.items() if isinstance(value, str) and references(value) == {"checkpoint"}]
    files = [Path(evaluated(config, name)) for name in names]
    return {f"models/{file.name}": file for file in files if file.is_file()}


def named_files(bundle: Path, configs: Mapping[str, Any]) -> Sequence[str]:
    """Files of the bundle that its configs name, such as a parameter file of PyRadiomics."""
    named = sorted(set(_OF_THE_BUNDLE.findall(json.dumps(configs))))
    return [name for name in named if name.split("/")[0] not in _OF_USERS and (bundle / name).is_file()]
