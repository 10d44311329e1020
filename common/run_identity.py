"""Which settings make a run the one that it is: with others, a checkpoint is of another run."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

from .options import UNKNOWN, calling_parser, plain_value
from .references import closure, is_plain, references

__all__ = ["flat_settings", "identity_of", "resolved_value", "run_identity"]

#: Ids and arguments that change no result: places, the device, speed, memory, logs. ``network`` is ``network_def`` on
#: the device, ``scaling`` is written.
WITHOUT_EFFECT = frozenset(
    (
        *("bundle_root", "cache_dir", "dataset_dir", "library", "output_dir", "scaling"),
        *("device", "network", "network_start", "non_blocking", "num_workers", "pin_memory", "radiomics_workers"),
        *("activation_checkpointing", "cache", "cache_rate", "resume", "save_interval", "stop_on_collapse"),
        *("progress", "quiet", "_desc_", "_requires_"),
    )
)
#: Handlers that change no result.
LOGS = frozenset(
    (
        *("CollapseMonitor", "KeepLoss", "MLFlowHandler", "MetricsWriter", "ProgressBar", "ResumableCheckpoint"),
        *("StatsHandler", "TensorBoardStatsHandler"),
    )
)
#: What they refer to is no part of the identity; what follows from one of them is compared as it is written.
PLACES = frozenset(("cache_dir", "device", "output_dir"))


def run_identity() -> dict[str, Any]:
    """The settings of the run whose config calls this that change its results, by their ids.

    These are all values to which its training refers, directly and through others, but those that change no result.
    ``max_epochs`` is among them only where more follows from it than the end, such as a learning rate that falls until
    then: otherwise a run may go on for longer.
    """
    parser = calling_parser()
    return {} if parser is None else identity_of(parser.get())


def identity_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """As :func:`run_identity`, of a merged config."""
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
    """Whether more refers to it than the trainer, which ends by it."""
    train = config.get("train", {})
    trainer = {**train.get("trainer", {}), "max_epochs": None}
    others = {**config, "train": {**train, "trainer": trainer}, "max_epochs": None}
    return "max_epochs" in references(others)


def resolved_value(config: Mapping[str, Any], name: str) -> Any:
    """The value of an id, evaluated where that gives a plain one; a path as an absolute one."""
    value = config[name]
    if isinstance(value, str) and not PLACES & {*closure(config, [name])}:
        found = plain_value(config, name)
        value = found if found is not UNKNOWN and is_plain(found) else value
    if isinstance(value, str) and os.sep in value and os.path.exists(value):
        return os.path.abspath(value)
    return value


def flat_settings(place: str, value: Any) -> dict[str, Any]:
    """The values that change results in a component, by their places; lists of plain values stay whole."""
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
            if target not in LOGS:  # and no other handler moves where one of these comes in
                yield target if target.endswith(("Handler", "Update")) else str(number), item
