"""Using a checkpoint with the network and the preprocessing that it was trained with, without typing them again."""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .datalist_json import read_datalist
from .errors import InputError
from .options import calling_parser
from .references import as_written, closure
from .run_identity import flat_settings
from .training_record import (
    STATISTICS,
    base_config,
    described,
    ids_of,
    is_counted,
    names_in,
    portable_value,
    read_training_record,
)

if TYPE_CHECKING:
    from monai.bundle import ConfigParser

__all__ = [
    "agreed_settings",
    "as_trained",
    "check_names",
    "differences",
    "settings_of",
    "start_from",
    "unsafe_settings",
]

logger = logging.getLogger(__name__)
_NOTHING = object()
_SHOWN = 4  # settings in a message
_WHOLE = ("all_subjects", "transductive")  # ids that hold no fold out
_FREE = ("method", "missing")  # a name, and what becomes of rows that training may not have had: the typed one counts


def as_trained(checkpoint: str | Path | None, config: str) -> None:
    """Set the ids of network and preprocessing as the checkpoint of the run whose config calls this has them.

    Ids that are set on the command line or by an overlay must agree with the checkpoint. Components and expressions are
    used only if a config of the bundle has them, so that a foreign checkpoint cannot run code.

    Args:
        checkpoint: file of the weights to evaluate; ``None`` for none.
        config: name of the training config that this run's config extends, such as ``train``.

    Raises:
        InputError: an id contradicts the checkpoint, or the datalist has other classes or modalities.
    """
    parser = calling_parser()
    if parser is None or not checkpoint or not Path(checkpoint).is_file():  # reported when it is loaded
        return
    record = read_training_record(checkpoint)
    if record is None:
        logger.warning(f"{checkpoint}: nothing is known of its training; the settings of this command are used")
        return
    content = parser.get()
    root = str(parser.get_parsed_content("bundle_root"))
    default = base_config(root, config)
    if "allow_training_subjects" not in content:  # else the subjects themselves are compared
        _check_fold(content, default, record, checkpoint)
    changed = agreed_settings(record, content, root, config, checkpoint)
    changed |= _part(content, default, record)
    for name, value in changed.items():
        parser[name] = value
    parser.parse()  # what was resolved so far had the values of the files
    if changed:
        logger.info(f"{checkpoint}: as it was trained: {', '.join(changed)}")
    check_names(record, parser.get_parsed_content("datalist"), checkpoint, classes="num_classes" in default)


def start_from(checkpoint: str | Path | None, config: str) -> None:
    """Set the network's ids of the run whose config calls this as the training of the encoder that it starts from had
    them, and of the same modalities ``mean`` and ``std``; ids that were typed stay, and the weights must then fit.
    Other preprocessing is one warning.

    Args:
        checkpoint: weights to start from; ``None`` for none.
        config: name of the calling config, such as ``train``.

    Raises:
        InputError: the checkpoint cannot be read, or the encoder of another fold has seen subjects that are held out.
    """
    parser = calling_parser()
    if parser is None or not checkpoint or (record := read_training_record(checkpoint)) is None:
        return
    content, root = parser.get(), str(parser.get_parsed_content("bundle_root"))
    _check_unseen(record, parser, checkpoint)
    default, settings = base_config(root, config), settings_of(record, root, config)
    network = [name for name in ids_of(content, ["network_def"]) if name in settings and name != "network_def"]
    network = [name for name in network if not is_counted(content, name)]
    modalities = names_in(parser.get_parsed_content("datalist"))["modalities"]
    if modalities and modalities == record.get("modalities"):
        network += [name for name in STATISTICS if name in settings]
    network = [name for name in network if not _is_typed(content, default, name)]
    changed = {name: settings[name] for name in network if as_written(content[name]) != settings[name]}
    if not unsafe_settings(changed, root):
        for name, value in changed.items():
            parser[name] = value
        parser.parse()  # what was resolved so far had the values of the files
    if changed:
        logger.info(f"{checkpoint}: as it was trained: {', '.join(changed)}")
    content = parser.get()
    others = set(ids_of(content, ["transforms", "normalize"])) & settings.keys()
    if found := list(differences({name: settings[name] for name in others}, content)):
        logger.warning(f"{checkpoint}: trained with other preprocessing: {_listed(found)}")


def agreed_settings(
    record: Mapping[str, Any], content: Mapping[str, Any], root: str, config: str, checkpoint: str | Path
) -> dict[str, Any]:
    """Settings of a checkpoint that a merged config does not have yet.

    Args:
        record: training record, see :func:`~common.training_record.training_record`.
        content: config merged with overlays and options.
        root: folder of the bundle.
        config: name of the config of the training, such as ``train``.
        checkpoint: file of the record.

    Raises:
        InputError: a typed id contradicts the checkpoint, it is of another bundle, or a component or expression is in
            no config of the bundle.
    """
    default, settings = base_config(root, config), settings_of(record, root, config)
    typed = [name for name in settings if name in content and "checkpoint" not in closure(content, [name])]
    typed = [name for name in typed if _is_typed(content, default, name)]
    problems = [problem for name in typed for problem in _contradictions(content, default, name, settings[name])]
    if problems:
        raise InputError(f"{checkpoint}: {_listed(problems)}; leave these options out, or name another checkpoint")
    settings = {name: value for name, value in settings.items() if not (name in _FREE and name in typed)}
    changed = {name: value for name, value in settings.items() if as_written(content.get(name, _NOTHING)) != value}
    if unsafe := unsafe_settings(changed, root):
        if (trained := record["bundle"]) != (name := Path(root).resolve().name):
            raise InputError(f"{checkpoint}: found weights of {trained}, expected {name}; name weights of {name}")
        raise InputError(
            f"{checkpoint}: {', '.join(unsafe)}: a component or expression that no config of the bundle has; expected "
            "one of theirs; give it as an option, as in training"
        )
    return changed


def _check_unseen(record: Mapping[str, Any], parser: ConfigParser, checkpoint: str | Path) -> None:
    """Refuse the encoder of another fold: it has seen subjects on whom the classifier is going to be tested.

    An encoder without a fold has seen all subjects on purpose, which a report says.
    """
    if record.get("fold") is None or parser.get_parsed_content("all_subjects"):
        return
    fold = parser.get_parsed_content("fold")
    rows = read_datalist(parser.get_parsed_content("datalist")).get("training", [])
    held_out = {str(row.get("subject")) for row in rows if isinstance(row, Mapping) and row.get("fold") == fold}
    if seen := held_out & {subject for part in record["subjects"].values() for subject in part or ()}:
        raise InputError(
            f"{checkpoint}: its pre-training held out fold {record['fold']!r} and saw {len(seen)} of {len(held_out)} "
            f"subjects of fold {fold!r}, which this run holds out; name the encoder of fold {fold!r}"
        )


def settings_of(record: Mapping[str, Any], root: str, config: str) -> dict[str, Any]:
    """The recorded settings that mean the same in a config: all of the same config's, and of another one, such as
    ``pretrain``, those ids that have the same default in both.

    Args:
        record: training record, see :func:`~common.training_record.training_record`.
        root: folder of the bundle.
        config: name of the config that will use them.
    """
    if record["config"] == config:
        return dict(record["settings"])
    trained, default = base_config(root, record["config"]), base_config(root, config)
    return {
        name: value
        for name, value in record["settings"].items()
        if name in trained and name in default and trained[name] == default[name]
    }


def differences(settings: Mapping[str, Any], content: Mapping[str, Any]) -> Iterator[str]:
    """Settings of a merged config that differ from the checkpoint's, each with both values.

    Args:
        settings: settings of the checkpoint.
        content: merged config.
    """
    now = described(content, lambda name: settings.get(name))
    for name in settings:
        if name in now and name not in _FREE:
            flat, trained = flat_settings(name, now[name]), flat_settings(name, settings[name])
            yield from _different(flat, trained, {**flat, **trained})


def check_names(record: Mapping[str, Any], datalist: Any, checkpoint: str | Path, classes: bool = True) -> None:
    """Check that a datalist has the same classes and modalities as the training, in the same order.

    Args:
        record: training record, see :func:`~common.training_record.training_record`.
        datalist: path of the datalist; names are not compared if it or the record lacks them.
        checkpoint: file of the record.
        classes: whether to compare classes.

    Raises:
        InputError: they differ.
    """
    found = names_in(datalist)
    for kind, key in (("classes", "labels"), ("modalities", "modality")):
        names, trained = found[kind], record.get(kind)
        if names and trained and names != trained and (classes or kind != "classes"):
            raise InputError(
                f"{datalist}: {key}: found {', '.join(names)}; expected {', '.join(map(str, trained))}, in this order, "
                f"with which {checkpoint} was trained; write the datalist with these numbers"
            )
        if trained and not names and (classes or kind != "classes"):
            logger.warning(
                "%s: found no %s, so that their order cannot be checked; taken as %s, with which %s was trained",
                *(datalist, key, ", ".join(map(str, trained)), checkpoint),
            )


def unsafe_settings(settings: Mapping[str, Any], root: str) -> list[str]:
    """Ids with components or expressions that no config of the bundle has, and that could run any code.

    Args:
        settings: ids and their values in a checkpoint.
        root: folder of the bundle.
    """
    known = _active_leaves(root)
    return [name for name, value in settings.items() if not set(_active(name, value)) <= known.get(name, set())]


@cache
def _active_leaves(root: str) -> dict[str, set[tuple[str, str]]]:
    """Parts that can run code, for each id in all configs of a bundle."""
    from monai.bundle import ConfigParser  # here, as scripts that import this package need not wait for MONAI

    found: dict[str, set[tuple[str, str]]] = {}
    for path in Path(root, "configs").glob("*"):
        if path.suffix in (".json", ".yaml", ".yml") and path.stem != "metadata":
            for place, value in ConfigParser.load_config_file(path).items():
                first, *parts = place.lstrip("+").split("#")  # an overlay may set a part of an id: network_def#_target_
                for part in reversed(parts):
                    value = {part: value}
                found.setdefault(first, set()).update(_active(first, value))
    return found


def _active(place: str, value: Any) -> Iterator[tuple[str, str]]:
    """Names of components, and texts that MONAI may evaluate or replace, by their places."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            if str(key).startswith("_") and not isinstance(item, Mapping | list):
                yield f"{place}#{key}", str(item)
            yield from _active(f"{place}#{key}", item)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _active(f"{place}#{number}", item)
    elif isinstance(value, str) and any(mark in value for mark in "$@%"):
        yield place, as_written(value)


def _is_typed(content: Mapping[str, Any], default: Mapping[str, Any], name: str) -> bool:
    """Whether an id has another value than in the file, or is on the command line."""
    return as_written(content.get(name)) != as_written(default.get(name)) or any(_places(name))


def _places(name: str) -> list[str]:
    """Sub-ids of an id that this process's command line sets."""
    words = [word[2:].partition("=")[0].replace("::", "#") for word in sys.argv[1:] if word.startswith("--")]
    return [word for word in words if word.partition("#")[0] == name]


def _contradictions(content: Mapping[str, Any], default: Mapping[str, Any], name: str, trained: Any) -> Iterator[str]:
    """Values within an id that are set and differ from the checkpoint's."""
    if name in _FREE:
        return
    now = portable_value(content, name)
    before = flat_settings(name, as_written(default.get(name)))
    now, trained = (flat_settings(name, as_written(value)) for value in (now, trained))
    typed = {place for place in {**now, **before} if now.get(place, _NOTHING) != before.get(place, _NOTHING)}
    typed |= {place for place in now for word in _places(name) if f"{place}#".startswith(f"{word}#")}
    yield from _different(now, trained, typed)


def _different(now: Mapping[str, Any], trained: Mapping[str, Any], places: Iterable[str]) -> Iterator[str]:
    for place in sorted(places):
        if now.get(place) != trained.get(place):
            yield f"{place} {now.get(place)!r}, trained with {trained.get(place)!r}"


def _part(content: Mapping[str, Any], default: Mapping[str, Any], record: Mapping[str, Any]) -> dict[str, Any]:
    """Which subjects the training held out, as ids of its config, unless a fold was typed."""
    if _is_typed(content, default, "fold"):
        return {}
    if record.get("fold") is None:
        return {name: True for name in _WHOLE if name in default}
    return {"fold": record["fold"]}


def _check_fold(
    content: Mapping[str, Any], default: Mapping[str, Any], record: Mapping[str, Any], checkpoint: str | Path
) -> None:
    held_out = record.get("fold")
    if held_out is not None and content.get("fold") != held_out and _is_typed(content, default, "fold"):
        raise InputError(
            f"{checkpoint}: fold {content.get('fold')!r}, trained with {held_out!r}; name the checkpoint of this "
            "fold, or leave the option out"
        )


def _listed(problems: Sequence[str]) -> str:
    return "; ".join(problems[:_SHOWN]) + (f" and {len(problems) - _SHOWN} more" if len(problems) > _SHOWN else "")
