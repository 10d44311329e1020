"""A bundle's configs with the overlays and settings of the classifier that is packaged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from monai.bundle import ConfigParser
from monai.bundle.utils import merge_kv

from ...bundle_configs import BASES, BundleConfigs
from ...errors import InputError
from ...exported_inference import OWN_FOLDERS
from ...references import closure, evaluated, is_plain, references
from ...training_record import SECTIONS, ids_of

__all__ = ["counted", "eager_inference", "put_recorded", "read_configs", "with_known_sizes"]

_FILES = ("checkpoint", "datalist", "dataset_dir", "output_dir")  # ids of files that are not in the archive
_MARK = "run"  # an id of all configs but overlays
_METHOD = "method"  # an id of overlays for a method, not for a cohort
_SLICES = ("lesion_slices", "slice_axis")  # ids that scripts/predict.py needs to take the slices of a volume


def read_configs(
    bundle: str | Path, overlays: Sequence[str] = (), settings: Mapping[str, Any] | None = None
) -> dict[str, dict[str, Any]]:
    """All configs of a bundle by name, without its metadata, set as the classifier was trained.

    Args:
        bundle: the bundle's folder.
        overlays: overlays with which ``train.yaml`` was run. One for a method, which has the id ``method``, is applied
            to ``train``, its own overlays and all configs that have all of its ids; one for a cohort sets those of its
            ids that a config has.
        settings: ids and their values, for all configs that have them; sub-ids are written with ``#``.

    Raises:
        InputError: an overlay does not exist, or no config has an id.
    """
    folder = BundleConfigs(bundle)
    folder.check_overlays("train", [overlay for overlay in overlays if _METHOD in folder.ids(overlay)])
    files = sorted(path for path in folder.folder.iterdir() if path.suffix in (".json", ".yaml", ".yml"))
    configs = {path.stem: ConfigParser.load_config_file(path) for path in files if path.stem != "metadata"}
    for name in [name for name, config in configs.items() if _MARK in config]:
        for overlay in overlays:
            ids = folder.ids(name) if name in BASES else configs[name]
            _put_over(configs[name], folder.ids(overlay), name, ids)
    for key, value in (settings or {}).items():
        _set(configs, key, list(value) if isinstance(value, tuple) else value, Path(bundle).name)
    for name in [name for name in configs if name.startswith("inference")]:
        configs[name] |= OWN_FOLDERS
    configs["inference"] = _without_foreign_ids(configs["inference"], {**configs["train"], **configs["evaluate"]})
    return configs


def put_recorded(configs: Mapping[str, Mapping[str, Any]], recorded: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Configs with the settings of a checkpoint: ``train`` with all, others with those plain ones whose ids they have.

    ``inference`` has the defaults of the weights that ship, so it gets what the training left at its default, too.

    Args:
        configs: result of :func:`read_configs`.
        recorded: ids of ``train`` and their values in the checkpoint where they differ from ``train``.
    """
    train = {**configs["train"], **recorded}
    used = {key: train[key] for key in ids_of(train, SECTIONS)}
    changed = {name: dict(config) for name, config in configs.items()}
    for name, config in changed.items():
        if name == "train":
            config |= recorded
        elif _MARK in config:
            values = {**used, **recorded} if name == "inference" else recorded
            config |= {key: value for key, value in values.items() if key in config and not _is_own(key, value)}
    if train.get(_SLICES[0]) is not None:
        changed["inference"] |= {key: train[key] for key in _SLICES}
    return changed


def _is_own(key: str, value: Any) -> bool:
    """Whether a setting is only for ``train``, such as a reference to ids that other configs may lack."""
    return key in ("network_def", "transforms") or "common." in str(value) or bool(references(value))


def eager_inference(
    configs: Mapping[str, Mapping[str, Any]], probabilities: Mapping[str, Any], weights: str | Path
) -> dict[str, Any]:
    """``inference`` with the network of ``train`` instead of TorchScript, and ``models/model.pt``.

    Args:
        configs: result of :func:`read_configs`.
        probabilities: config of the component that converts logits to probabilities.
        weights: state dict of the classifier, with its other files in the same folder: sizes that are read from them
            become numbers.
    """
    inference, evaluation = dict(configs["inference"]), {**configs["train"], **configs["evaluate"]}
    whole = {**evaluation, **inference, "probabilities": dict(probabilities), "checkpoint": str(weights)}
    network_def = {**evaluation["network_def"], "probabilities": "@probabilities"}
    whole |= {"network_def": network_def, "imports": evaluation["imports"]}
    whole |= {name: size for name in counted(whole) if is_plain(size := evaluated(whole, name))}
    network = {name: whole[name] for name in closure(whole, ["network_def"]) if name not in inference}
    columns = "$['subject'] + [f'probability_{k}' for k in range(@num_classes)] + ['no_call']"
    changed = {
        "imports": list(dict.fromkeys([*evaluation["imports"], *inference["imports"]])),
        "bundle_root": evaluation["bundle_root"],
        "checkpoint": "$@bundle_root + '/models/model.pt'",
        "network_def": whole["network_def"],
        "network": {
            "_target_": "common.networks.load_weights",
            "module": "$@network_def.to(@device)",
            "path": "@checkpoint",
        },
        "columns": columns,
        "initialize": ["$common.brief_input_errors()", *inference["initialize"]],
    }
    eager: dict[str, Any] = {}
    for name, value in inference.items():
        if name == "network_def":
            eager |= network
        eager[name] = changed.get(name, value)
    return eager


def with_known_sizes(config: Mapping[str, Any], eager: Mapping[str, Any]) -> dict[str, Any]:
    """``train`` with the sizes of the packaged network in place of those counted on a cohort.

    So ``monai.bundle.load`` can build the network without data.
    """
    return {**config, **{name: eager[name] for name in counted(config) if name in eager and is_plain(eager[name])}}


def counted(config: Mapping[str, Any]) -> list[str]:
    """Ids on which a network depends and whose values are read from files outside the archive."""
    needed = [name for name in closure(config, ["network_def"]) if not isinstance(config[name], Mapping)]
    return [name for name in needed if name not in _FILES and set(closure(config, [name])) & set(_FILES)]


def _set(configs: Mapping[str, dict[str, Any]], key: str, value: Any, bundle: str) -> None:
    parsers = [ConfigParser(config) for config in configs.values() if _MARK in config]
    having = [parser for parser in parsers if key in parser]
    if not having:
        raise InputError(f"{key}: no config of {bundle} has this id; correct it")
    for parser in having:
        parser[key] = value


def _put_over(config: dict[str, Any], overlay: Mapping[str, Any], name: str, ids: Mapping[str, Any]) -> None:
    """Apply an overlay to a config whose ids, including those of the training that it extends, are ``ids``."""
    own = {"network_def"} if name.startswith("inference") else set()  # TorchScript, whatever network it holds
    known = {key for key in overlay if (part := key.lstrip("+").split("#")[0]) in config and part not in own}
    if _METHOD in overlay and name == "train":
        known = set(overlay)
    elif _METHOD in overlay and BASES.get(name) != "train" and not set(overlay) - {_METHOD} <= ids.keys():
        return
    for key in sorted(known):
        merge_kv(ConfigParser(config), key, overlay[key])


def _without_foreign_ids(inference: Mapping[str, Any], evaluation: Mapping[str, Any]) -> dict[str, Any]:
    """``inference`` with values from ``evaluate`` where an overlay refers to ids that ``inference`` lacks."""
    foreign = [name for name, value in inference.items() if references(value) - inference.keys()]
    return {**inference, **{name: evaluated({**evaluation, **inference}, name) for name in foreign}}
