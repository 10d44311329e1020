"""The options of a run, checked and converted in one place before anything is read.

MONAI puts values of the command line into the config unchecked: ``--max_epochs ten`` is text, as is ``--amp false``,
which is then treated as true, and ``--max_epoch 1`` is a new id to which nothing refers. Each config calls
:func:`check_options` first in ``initialize``.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from numbers import Integral, Real
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import InputError, OptionError
from .files import check_folder
from .hints import did_you_mean
from .merging import check_overlays
from .option_limits import device_problem, limit_problem, unknown_arguments
from .option_references import unresolved
from .references import closure, evaluated, references

if TYPE_CHECKING:
    from monai.bundle import ConfigParser

__all__ = ["calling_parser", "check_options", "converted_options", "plain_value"]

UNKNOWN = object()  # the value of an id that depends on a component
_FLAGS = {"true": True, "false": False}
_NULL = ("null", "none")
_AXES = ("_size", "spacing")  # ids that end so are lists with an entry for each axis
#: Examples of values for ids whose default is null.
_EXAMPLES: dict[str, Sequence[Any]] = {
    name: values
    for names, values in (
        ("mask_label organ_label", (1, [1, 2])),
        ("lesion_slices negatives num_workers radiomics_workers save_interval slice_index", (1,)),
        ("average_share lesion_share max_correlation max_weight momentum", (0.9,)),
        ("encoder_name masks modality", ("name",)),
        ("linear_checkpoint pretrained_encoder pretrained_weights single_checkpoint", ("model.pt",)),
        ("radiomics_settings", ("parameters.yaml",)),
        ("small_stem", (True,)),
        ("spacing", ([1.0, 1.0, 1.0],)),
        ("subjects", (["name"],)),
    )
    for name in names.split()
}
_IDS_TO_RUN = ("run_id", "init_id", "final_id")
_OF_MONAI = ("_meta_", "imports", "initialize", "run", "finalize")


def check_options(bundle_root: str | Path) -> None:
    """Convert the options of the run whose config calls this to the types of their defaults, and refuse unknown ones.

    The defaults are the values of an id in the bundle's configs and overlays. Text becomes true or false, a number
    or null if a default is one; references and expressions (``@...``, ``$...``) are left to MONAI.

    Args:
        bundle_root: folder of the bundle, with ``configs`` in it.

    Raises:
        OptionError: an option is typed twice; it has another type than its defaults, a value that no run can use, an
            argument that its component lacks, or a reference, expression or component that nothing resolves; no config
            has it and nothing refers to it; an overlay has no effect; a config of several processes was not started by
            torchrun.
        InputError: this machine lacks the device; the output folder cannot be made.
    """
    if (parser := calling_parser()) is None:
        return
    _check_once(parser.get())
    check_overlays(_merged_files(), parser.get())
    _check_started(parser.get())
    device = parser.get().get("device")
    if expected := device_problem(device):
        raise InputError(f"device: found {device!r}; expected {expected}; correct it")
    _check_output(parser.get())
    if converted := converted_options(parser.get(), Path(bundle_root) / "configs"):
        for name, value in converted.items():
            parser[name] = value
        parser.parse()  # what was resolved so far had the old values


def _check_once(config: Mapping[str, Any]) -> None:
    """Refuse an option that is typed twice, of which MONAI's command takes the last value without a word."""
    typed = Counter(word[2:].partition("=")[0].replace("::", "#") for word in sys.argv[1:] if word.startswith("--"))
    typed = Counter(name.replace("-", "_") for name in typed.elements())  # alike for Python Fire
    known = {*config, "config_file", "meta_file", "logging_file", "args_file", "tracking", *_IDS_TO_RUN}
    twice = [name for name, count in typed.items() if count > 1 and name.split("#")[0] in known]
    if twice:
        raise OptionError(f"{', '.join(twice)}: found twice on the command line, expected one value; remove the other")


def _check_started(config: Mapping[str, Any]) -> None:
    """Refuse a config of several processes in a process that no torchrun started; torch ends in a traceback there."""
    import torch.distributed as dist  # here, as scripts that import this package need not wait for torch

    if "init_process_group" in str(config.get("initialize")) and "RANK" not in os.environ and not dist.is_initialized():
        raise OptionError(
            "multi_gpu.yaml: found one process; start it by torchrun --nproc_per_node=2 -m monai.bundle run"
        )


def _check_output(config: Mapping[str, Any]) -> None:
    """Refuse an output folder that cannot be made before anything is computed for it."""
    folder = plain_value(config, "output_dir") if "output_dir" in config else None
    if isinstance(folder, str):
        if not folder.strip():  # the folder in which the command was typed
            raise OptionError("output_dir: found no name, expected a folder for the results; correct it")
        check_folder(folder, "output_dir")


def calling_parser() -> ConfigParser | None:
    """The parser that evaluates the expression from which this is called; MONAI passes it to no expression."""
    from monai.bundle import ConfigParser  # here, as scripts that import this package need not wait for MONAI

    for frame, _ in traceback.walk_stack(None):
        if isinstance(parser := frame.f_locals.get("self"), ConfigParser):
            return parser
    return None


def _merged_files() -> Sequence[str]:
    """The configs that MONAI's command has merged, which it passes to no expression; none in other workflows."""
    for frame, _ in traceback.walk_stack(None):
        if frame.f_code.co_name == "create_workflow" and (files := frame.f_locals.get("config_file")):
            return [files] if isinstance(files, str) else list(files)
    return []


def converted_options(config: Mapping[str, Any], folder: str | Path) -> dict[str, Any]:
    """Options that need another type.

    Args:
        config: merged files and options.
        folder: folder of the bundle's configs, with the defaults.

    Returns:
        Their ids with the converted values.

    Raises:
        OptionError: as :func:`check_options`.
    """
    defaults = _read_defaults(str(Path(folder).resolve()))
    converted: dict[str, Any] = {}
    problems = [*_unknown(config, defaults), *unresolved(config, defaults)]
    for name, value in config.items():
        known = defaults.get(name, [])
        if name in _OF_MONAI or _is_reference(value) or any(_same(value, default[name]) for default in known):
            continue
        if isinstance(value, Mapping) and any(isinstance(default[name], Mapping) for default in known):
            new_parts, wrong = _converted_parts(name, value, known)
            converted |= new_parts
            problems += wrong
            problems += _unknown_arguments(name, value, known)
            continue
        values = [found for default in known if (found := plain_value(default, name)) is not UNKNOWN]
        if all(default is None for default in values) and known:
            values += _EXAMPLES.get(name, [])
        try:
            new = _convert(name, value, values)
        except TypeError as error:
            problems.append(f"{name}: found {value!r}; expected {error}; correct it")
        else:
            if expected := limit_problem(name, new):
                problems.append(f"{name}: found {value!r}; expected {expected}; correct it")
            if not _same(new, value):
                converted[name] = new
    if problems:
        raise OptionError(problems[0]) if len(problems) == 1 else OptionError.of_rows("options", problems)
    return converted


def _converted_parts(
    name: str, value: Mapping[str, Any], known: Sequence[Mapping[str, Any]]
) -> tuple[dict[str, Any], list[str]]:
    """Values within a component that need another type, and a line for each that has a wrong one."""
    converted: dict[str, Any] = {}
    problems: list[str] = []
    defaults = [(config, dict(_parts(name, config[name]))) for config in known]
    defaults = [(config, parts) for config, parts in defaults if _target(config[name]) == _target(value)]
    for key, part in _parts(name, value):
        place, _ = key
        same = [(config, parts[key]) for config, parts in defaults if key in parts]
        if _is_reference(part) or any(_same(part, default) for _, default in same):
            continue
        values = [plain_value({**config, "_part": default}, "_part") for config, default in same]
        if not (values := [found for found in values if found is not UNKNOWN]):
            continue
        try:
            new = _convert(place, part, values)
        except TypeError as error:
            problems.append(f"{place}: found {part!r}; expected {error}; correct it")
        else:
            if expected := limit_problem(place.rpartition("#")[2], new):
                problems.append(f"{place}: found {part!r}; expected {expected}; correct it")
            if not _same(new, part):
                converted[place] = new
    return converted, problems


def _unknown_arguments(name: str, value: Any, known: Sequence[Mapping[str, Any]]) -> list[str]:
    """A line for each argument in a component that neither the bundle's configs nor its class has."""
    return min((list(unknown_arguments(name, value, default[name])) for default in known), key=len)


def _parts(place: str, value: Any, within: tuple[Any, ...] = ()) -> Iterator[tuple[tuple[str, tuple[Any, ...]], Any]]:
    """The values in a component by their places, but those that MONAI reads itself, such as ``_target_``.

    A place has the components around it, as a handler that was added or taken out moves the others in their list.
    """
    if isinstance(value, Mapping):
        for key, item in value.items():
            if not str(key).startswith("_"):
                yield from _parts(f"{place}#{key}", item, (*within, _target(value)))
    elif isinstance(value, list) and any(isinstance(item, Mapping) for item in value):
        for number, item in enumerate(value):
            yield from _parts(f"{place}#{number}", item, within)
    else:
        yield (place, within), value


def _target(value: Any) -> Any:
    return value.get("_target_") if isinstance(value, Mapping) else None


def plain_value(config: Mapping[str, Any], name: str) -> Any:
    """The value of an id, evaluated if that needs no component; else :data:`UNKNOWN`."""
    if not isinstance(config[name], str) or not config[name].startswith(("$", "@")):
        return config[name]
    needed = closure(config, [name])
    if any(isinstance(config[key], Mapping | list) and references(config[key]) for key in needed):
        return UNKNOWN
    if any(isinstance(config[key], Mapping) for key in needed):
        return UNKNOWN
    try:
        imports = {"imports": config["imports"]} if "imports" in config else {}
        return evaluated({**imports, **{key: config[key] for key in needed}}, name)
    except (KeyError, RuntimeError, ValueError):  # an overlay refers to ids of other files
        return UNKNOWN


@cache
def _read_defaults(folder: str) -> dict[str, list[Mapping[str, Any]]]:
    """For each id the configs that have it; none for ids of which overlays set only parts."""
    from monai.bundle import ConfigParser  # see calling_parser

    found: dict[str, list[Mapping[str, Any]]] = {}
    for path in sorted(Path(folder).glob("*")):
        if path.suffix in (".json", ".yaml", ".yml") and path.stem != "metadata":
            config = ConfigParser.load_config_file(path)
            for name in config:
                found.setdefault(name, []).append(config)
    return found


def _unknown(config: Mapping[str, Any], defaults: Mapping[str, Any]) -> Iterator[str]:
    from monai.bundle.utils import DEFAULT_EXP_MGMT_SETTINGS  # see calling_parser

    known = {*_OF_MONAI, *defaults}.union(*(tracking["configs"] for tracking in DEFAULT_EXP_MGMT_SETTINGS.values()))
    if not defaults or not (unknown := config.keys() - known):
        return
    unknown -= set().union(*map(references, config.values()))
    for name in (name for name in config if name in unknown and (_is_typed(name) or not _is_component(config[name]))):
        known_ids = [*config.keys() - unknown, *defaults]
        hint = did_you_mean(name, known_ids, "docs/reference.md of the bundle lists them")
        yield f"{name}: no config has this option; {hint}"


def _convert(name: str, value: Any, defaults: list[Any]) -> Any:
    """The value with the type of one of the defaults.

    Raises:
        TypeError: it has none of them; the message says what was expected.
    """
    defaults = [default for default in defaults if default is not UNKNOWN]
    is_null = value is None or (isinstance(value, str) and value.lower() in _NULL)
    if is_null and any(default is None or isinstance(default, Mapping) for default in defaults):
        return None
    typed = [default for default in defaults if default is not None]
    if not typed:
        return value  # the default null says nothing of the type
    for default in typed:
        try:
            new = _like(value, default)
        except TypeError:
            continue
        lengths = {len(other) for other in typed if isinstance(other, list)}
        if name.endswith(_AXES) and isinstance(new, list) and lengths and len(new) not in lengths:
            continue
        return new
    raise TypeError(_description(typed[0]))


def _like(value: Any, default: Any) -> Any:
    """The value with the type of the default, or TypeError."""
    is_number = isinstance(value, Real) and not isinstance(value, bool)
    if isinstance(default, bool):
        if isinstance(value, bool) or (isinstance(value, str) and value.lower() in _FLAGS):
            return _FLAGS[str(value).lower()]
    elif isinstance(default, int):
        if is_number and value == int(value):
            return int(value)
    elif isinstance(default, float):
        if is_number:
            return float(value)
    elif isinstance(default, str):
        if isinstance(value, str | os.PathLike | Integral) and not isinstance(value, bool):
            return str(value)  # a folder may be called 2024
    elif isinstance(default, list):
        if isinstance(value, list | tuple):
            same = default and {type(item) for item in default} <= {type(default[0])} & {bool, int, float, str}
            return [item if not same or _is_reference(item) else _like(item, default[0]) for item in value]
    elif isinstance(default, Mapping):
        if isinstance(value, Mapping):
            return value
    elif isinstance(value, type(default)) or (type(default).__name__ == "device" and isinstance(value, str)):
        return value
    raise TypeError


def _description(default: Any) -> str:
    if isinstance(default, bool):
        return "true or false"
    if isinstance(default, int | float):
        return f"a {'whole ' if isinstance(default, int) else ''}number, such as {default}"
    if isinstance(default, list):
        return f"a list such as {default}"
    if isinstance(default, Mapping):
        return "a component with a _target_, or null"
    return "text" if isinstance(default, str) else f"an expression such as ${default}"


def _is_typed(name: str) -> bool:
    """Whether the command line sets an id and does not run it."""
    typed = {word[2:].partition("=")[0] for word in sys.argv[1:] if word.startswith("--")}
    return name in typed and name not in sys.argv


def _is_component(value: Any) -> bool:
    """Whether a value is more than an option, such as what a run of its own does."""
    return isinstance(value, Mapping) or _is_reference(value) or bool(references(value))


def _is_reference(value: Any) -> bool:
    return isinstance(value, str) and value.startswith(("$", "@", "%"))


def _same(one: Any, other: Any) -> bool:
    """Whether both are one value of one type."""
    if one is other:
        return True
    return type(one) is type(other) and isinstance(one, str | int | float | list | tuple | dict) and one == other
