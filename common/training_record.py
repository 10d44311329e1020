"""What a checkpoint says of itself: network, preprocessing, cohort and versions of the training that wrote it.

``model.pt`` is a state dict. Its metadata, where PyTorch keeps the versions of modules, hold the record, so that it
is read with ``weights_only=True``, never gets lost beside the file, and no loader of weights notices it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from .checkpoints import read_checkpoint
from .datalist_json import indexed_names, read_datalist
from .errors import InputError
from .files import file_digest
from .options import calling_parser
from .references import as_written, closure, is_plain
from .run_identity import WITHOUT_EFFECT, identity_of, resolved_value

__all__ = [
    "STATISTICS",
    "base_config",
    "described",
    "ids_of",
    "input_names",
    "is_counted",
    "names_in",
    "portable_value",
    "read_training_record",
    "training_record",
    "with_training_record",
]

#: Numbers of each modality by which images are normalised.
STATISTICS = ("mean", "std")
#: Components that make a prediction of a row, as far as a config has them.
SECTIONS = ("network_def", "transforms", "normalize", "attach_radiomics", "missing", "method")
#: Ids that say where data and first weights come from, and on what the training runs.
_SOURCES = frozenset(
    (
        *("bundle_root", "cache_dir", "dataset_dir", "datalist", "device", "fold", "output_dir"),
        *("pretrained_encoder", "pretrained_weights", "imports", "_meta_"),
    )
)
_KEY = "training"  # in the metadata of the whole network
_FIELDS = {"bundle": str, "config": str, "settings": Mapping, "subjects": Mapping}
_PACKAGES = ("clinical-ssl-bundles", "torch", "monai")


def training_record(
    config: str, training: Sequence[Mapping[str, Any]], validation: Sequence[Mapping[str, Any]] = ()
) -> dict[str, Any]:
    """The record of the run whose config calls this, as plain values.

    Args:
        config: name of that config, without overlays, such as ``train``.
        training: rows to which the weights are fitted.
        validation: rows that determine the best epoch.

    Returns:
        ``bundle``, ``config``, ``settings`` (ids of network and preprocessing with their values), ``options`` (what
        overlays and the command line have changed), ``classes`` and ``modalities`` (names in the datalist, or None),
        ``fold`` (held out, or None), ``datalist`` (SHA-256), ``subjects`` (of ``training`` and ``validation``) and
        ``versions``.
    """
    parser = calling_parser()
    if parser is None:
        return {}
    content = parser.get()
    datalist = Path(str(parser.get_parsed_content("datalist")))
    root = Path(str(parser.get_parsed_content("bundle_root")))
    whole = any(parser.get_parsed_content(name) for name in ("all_subjects", "transductive") if name in content)
    default, now = (identity_of(as_written(ids)) for ids in (base_config(str(root), config), content))
    return {
        "bundle": root.resolve().name,
        "config": config,
        "settings": described(content, parser.get_parsed_content),
        "options": {name: value for name, value in now.items() if default.get(name) != value},
        **names_in(datalist),
        "fold": None if whole else content.get("fold"),
        "datalist": file_digest(datalist, "sha256") if datalist.is_file() else None,
        "subjects": {"training": _subjects(training), "validation": _subjects(validation)},
        "versions": {name: _version(name) for name in _PACKAGES},
    }


def described(config: Mapping[str, Any], evaluate: Callable[[str], Any]) -> dict[str, Any]:
    """The ids of a merged config that describe network and preprocessing.

    Args:
        config: merged files and options.
        evaluate: function that returns the value of an id, called for those that are counted on the cohort, such as the
            number of radiomic features.

    Returns:
        Components and expressions unevaluated, and all other values.
    """
    found = {}
    for name in ids_of(config, (*SECTIONS, *STATISTICS)):
        value = evaluate(name) if is_counted(config, name) else portable_value(config, name)
        if is_plain(value := as_written(value)):
            found[name] = value
    return found


def portable_value(config: Mapping[str, Any], name: str) -> Any:
    """The value of an id, where it is text the one that it stands for, except paths in the bundle's folder."""
    if isinstance(config[name], str) and "bundle_root" not in closure(config, [name]):
        return resolved_value(config, name)
    return config[name]


def ids_of(config: Mapping[str, Any], sections: Iterable[str]) -> list[str]:
    """Sections of a config and ids to which they refer, without those of data sources."""
    known = {name: None if is_counted(config, name) else config[name] for name in config if name not in _SOURCES}
    return [name for name in closure(known, sections) if name not in WITHOUT_EFFECT]


def is_counted(config: Mapping[str, Any], name: str) -> bool:
    """Whether an id is counted on the cohort, such as the number of radiomic features."""
    return isinstance(config[name], str) and "datalist" in closure(config, [name])


def names_in(datalist: str | Path) -> dict[str, list[str] | None]:
    """``classes`` and ``modalities`` of a datalist in their order, ``None`` where it names none or is no file."""
    path = Path(str(datalist))
    content = read_datalist(path) if path.is_file() else {}
    keys = {"classes": "labels", "modalities": "modality"}
    return {kind: _in_order(indexed_names(path, content, key)) for kind, key in keys.items()}


def input_names(record: Mapping[str, Any], channels: int) -> list[str] | None:
    """Names of a network's input channels, where they are the modalities of the datalist, one of them, or its slices.

    Args:
        record: result of :func:`training_record`, or nothing.
        channels: number of channels.
    """
    settings = record.get("settings", {})
    names = [chosen] if (chosen := settings.get("modality")) else record.get("modalities")
    if names and len(names) == 1 and settings.get("lesion_slices") is not None:
        return list(names) * channels
    return names if names and len(names) == channels else None


def with_training_record(state: Mapping[str, Any], record: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """The state dict of a network with the record of its training in it.

    Args:
        state: result of ``state_dict()``, which is not changed.
        record: result of :func:`training_record`; with ``None`` or an empty one, the state dict itself is returned.
    """
    if not record:
        return state
    metadata = OrderedDict(getattr(state, "_metadata", {}))
    metadata[""] = {**metadata.get("", {}), _KEY: dict(record)}
    state = OrderedDict(state)
    state._metadata = metadata  # type: ignore[attr-defined]
    return state


def read_training_record(path: str | Path) -> dict[str, Any] | None:
    """The record in a checkpoint; ``None`` if it has none, as those of other programs or earlier versions.

    Raises:
        InputError: the file cannot be read, or the record is damaged.
    """
    content = read_checkpoint(path)
    for state in (content, content.get("network")):
        whole = getattr(state, "_metadata", {}).get("", {})
        record = whole.get(_KEY) if isinstance(whole, Mapping) else None
        if record is not None:
            if not isinstance(record, dict) or not all(
                isinstance(record.get(name), kind) for name, kind in _FIELDS.items()
            ):
                raise InputError(f"{path}: the record of its training is damaged; write it again by training")
            return record
    return None


@cache
def base_config(root: str, name: str) -> dict[str, Any]:
    """Content of a bundle's config file, empty if there is no such file; it must not be changed by the caller."""
    from monai.bundle import ConfigParser  # here, as scripts that import this package need not wait for MONAI

    files = [Path(root) / "configs" / f"{name}{suffix}" for suffix in (".yaml", ".json")]
    return next((ConfigParser.load_config_file(path) for path in files if path.is_file()), {})


def _in_order(names: Mapping[str, str]) -> list[str] | None:
    return [str(names[str(index)]) for index in range(len(names))] or None


def _subjects(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    return sorted({str(row["subject"]) for row in rows if row.get("subject") is not None})


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:  # in an archive, whose library has another name
        return None
