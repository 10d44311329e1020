"""Settings that identify a run: a checkpoint with others belongs to another run."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from .files import file_digest
from .options import UNKNOWN, calling_parser, plain_value
from .references import closure, is_plain, references

__all__ = ["CONTENT", "IMAGES", "WITHOUT_EFFECT", "flat_settings", "identity_of", "resolved_value", "run_identity"]

#: Ids and arguments that do not change results: paths, the device, speed, memory, logs. ``network`` is ``network_def``
#: on the device, ``scaling`` is an output.
WITHOUT_EFFECT = frozenset(
    (
        *("bundle_root", "cache_dir", "dataset_dir", "library", "output_dir", "scaling"),
        *("device", "network", "network_start", "non_blocking", "num_workers", "pin_memory", "radiomics_workers"),
        *("activation_checkpointing", "cache", "cache_rate", "resume", "save_interval", "stop_on_collapse"),
        *("progress", "quiet", "traits", "_desc_", "_requires_"),
    )
)
#: Handlers that do not change results.
LOGS = frozenset(
    (
        *("CollapseMonitor", "KeepLoss", "MLFlowHandler", "MetricsWriter", "ProgressBar", "ResumableCheckpoint"),
        *("StatsHandler", "TensorBoardStatsHandler"),
    )
)
CONTENT = " (content)"  # end of the name of a file's hash
IMAGES = "dataset_dir"  # another one may hold other images under the same datalist, unless the images were moved there
#: Ids whose references are not part of the identity; values that depend on one of them are compared unevaluated.
PLACES = frozenset(("cache_dir", "device", "output_dir"))


def run_identity() -> dict[str, Any]:
    """Settings that change results of the run whose config calls this, by id.

    These are all values to which its training refers, directly or indirectly, except those that do not change results.
    ``max_epochs`` is included only if other values depend on it, such as a learning rate that falls until then:
    otherwise a run may be continued for longer. Of files, such as the datalist and weights to start from, the content
    is included too, by which they are known where they have been moved, and of the images their folder.
    """
    parser = calling_parser()
    if parser is None:
        return {}
    config = parser.get()
    found = identity_of(config)
    folder = resolved_value(config, IMAGES) if IMAGES in config else None
    images = {IMAGES: os.path.realpath(folder)} if isinstance(folder, str) else {}
    return found | images | {f"{name}{CONTENT}": digest for name, value in found.items() for digest in _content(value)}


def _content(value: Any) -> Iterator[str | None]:
    """The hash of a file, ``None`` for an absolute path of which there is none, and nothing for other values."""
    if isinstance(value, str) and os.path.isfile(value):
        yield file_digest(Path(value), "sha256")[:12]
    elif isinstance(value, str) and os.path.isabs(value) and not os.path.exists(value):
        yield None


def identity_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """:func:`run_identity` of a merged config."""
    within = {name: value for name, value in config.items() if name not in PLACES}
    needed = {*closure(within, ["training"])} - WITHOUT_EFFECT - {"training", "_meta_", "imports"}
    if not _plans_with_max_epochs({name: config[name] for name in needed}):
        needed.discard("max_epochs")
    found: dict[str, Any] = {}
    for name in config:
        if name in needed:
            found |= flat_settings(name, resolved_value(config, name))
    return found


def _plans_with_max_epochs(config: Mapping[str, Any]) -> bool:
    """Whether anything besides the trainer refers to ``max_epochs``."""
    train = config.get("train", {})
    trainer = {**train.get("trainer", {}), "max_epochs": None}
    others = {**config, "train": {**train, "trainer": trainer}, "max_epochs": None}
    return "max_epochs" in references(others)


def resolved_value(config: Mapping[str, Any], name: str) -> Any:
    """The value of an id, evaluated if the result is plain; a path as absolute path."""
    value = config[name]
    if isinstance(value, str) and not PLACES & {*closure(config, [name])}:
        found = plain_value(config, name)
        value = found if found is not UNKNOWN and is_plain(found) else value
    if isinstance(value, str) and os.sep in value and os.path.exists(value):
        return os.path.abspath(value)
    return value


def flat_settings(place: str, value: Any) -> dict[str, Any]:
    """The values of a component that change results, by id; lists of plain values are not split."""
    if isinstance(value, Mapping) or (isinstance(value, list | tuple) and any(isinstance(x, Mapping) for x in value)):
        return {
            inner: leaf for key, item in _items(value) for inner, leaf in flat_settings(f"{place}#{key}", item).items()
        }
    value = list(value) if isinstance(value, tuple) else value
    return {place: value if is_plain(value) else type(value).__name__}


def _items(value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            if key not in WITHOUT_EFFECT:
                yield str(key), item
    elif isinstance(value, list | tuple):
        for number, item in enumerate(value):
            target = str(item.get("_target_", "")).rpartition(".")[2] if isinstance(item, Mapping) else ""
            if target not in LOGS:  # so that adding one does not shift the others
                yield target if target.endswith(("Handler", "Update")) else str(number), item
