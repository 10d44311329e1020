"""A bundle: whether all its configs resolve, without running or instantiating anything of them."""

from __future__ import annotations

import ast
import copy
import inspect
import json
import re
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from pkgutil import resolve_name
from pydoc import ErrorDuringImport, locate
from typing import Any

from ..bundle_configs import BASES, BundleConfigs
from ..errors import one_line
from .findings import Findings

__all__ = ["examine_bundle"]

_REFERENCE = re.compile(r"[@%]\w+(?:(?:#|::)\w+)*")
_LIBRARY = re.compile(r"(?<![\w.@'\"])common(?:\.\w+)+")
_NEEDED = ("name", "version", "monai_version", "pytorch_version", "network_data_format", "task")
_OF_MONAI = frozenset(("imports", "initialize", "run", "finalize"))
_OF_CONFIG = ("_target_", "_requires_", "_disabled_", "_desc_", "_mode_", "_meta_")


@dataclass(frozen=True)
class _Config:
    """Files merged in an order: the values of their ids, and the file that each comes from."""

    order: tuple[str, ...]
    ids: Mapping[str, Any]
    files: Mapping[str, str]

    def place(self, path: str) -> str:
        """File and id of a part."""
        return f"{self.files.get(path.split('#')[0], self.order[-1])}: {path}"


def examine_bundle(bundle: str | Path) -> Findings:
    """Examine the configs of a bundle.

    Each stage is merged with the config that it extends, and each overlay with the stages whose ids it sets. In them,
    every ``_target_`` must be importable and take the given arguments, every reference and macro must name an id, and
    every expression must be Python. Nothing is instantiated, and no data are needed.

    Args:
        bundle: name of the bundle, or its folder.

    Raises:
        InputError: there is no such bundle.
    """
    configs = BundleConfigs(bundle)
    findings = Findings(f"bundle {configs.root.name}")
    _metadata(findings, configs)
    merged = list(_merged(findings, configs))
    problems: dict[tuple[str, str], str] = {}
    for config in merged:
        for path, text, remedy in _problems(config):
            problems.setdefault((config.place(path), text), remedy)
    for (place, text), remedy in problems.items():
        findings.error(place, text, remedy)
    number = sum(len(config.ids) for config in merged)
    findings.note("configs", f"{len(merged)} stages and overlays with {number} ids examined")
    weights = sorted((configs.root / "models").glob("*"))
    findings.note("models", ", ".join(path.name for path in weights) or "no weights; training writes them")
    return findings


def _metadata(findings: Findings, configs: BundleConfigs) -> None:
    path = configs.folder / "metadata.json"
    if not path.is_file():
        findings.error("metadata.json", "missing", "copy that of another bundle and correct it")
        return
    try:
        metadata = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        findings.error("metadata.json", f"no JSON ({error})", "correct it")
        return
    if missing := [name for name in _NEEDED if name not in metadata]:
        findings.error("metadata.json", f"no {', '.join(missing)}", "add what the MONAI model zoo's schema needs")
    else:
        findings.note("metadata.json", f"{metadata['name']}, version {metadata['version']}")


def _merged(findings: Findings, configs: BundleConfigs) -> Iterator[_Config]:
    """Each stage, and each overlay over the first stage that has its ids."""
    from monai.bundle import ConfigParser

    read: dict[str, dict[str, Any]] = {}
    for path in sorted(configs.folder.glob("*")):
        if path.suffix in (".yaml", ".yml", ".json") and path.stem != "metadata":
            try:
                read[path.name] = ConfigParser.load_config_file(str(path))
            except Exception as error:  # YAML's and JSON's parsers raise many types
                findings.error(path.name, f"cannot be read ({one_line(error)})", "correct it")
    stages = [name for name, content in read.items() if "run" in content]
    whole = {name: _over(read, [*_base(name, read), name]) for name in stages}
    yield from whole.values()
    for name, content in read.items():
        if name in stages:
            continue
        ids = {_top(key) for key in content} - _OF_MONAI
        fitting = [config for config in whole.values() if ids <= set(config.ids)]
        trainings = [config for config in fitting if len(config.order) == 1] or fitting
        if trainings:  # an overlay of one stage may lack what it refers to in another
            merged = (_over(read, [*config.order, name]) for config in trainings)
            yield min(merged, key=lambda config: len(list(_problems(config))))
            continue
        near = max(whole.values(), key=lambda config: len(ids & set(config.ids)))
        findings.error(
            f"{name}: {', '.join(sorted(ids - set(near.ids)))}",
            f"no stage has this id, {near.order[-1]} neither",
            "correct the id, or delete it",
        )


def _base(name: str, read: Mapping[str, Any]) -> list[str]:
    """The config that a stage extends."""
    base = f"{BASES.get(Path(name).stem)}.yaml"
    return [base] if base in read else []


def _over(read: Mapping[str, Mapping[str, Any]], order: list[str]) -> _Config:
    """Files of the bundle merged in their order, as MONAI does."""
    from monai.bundle import ConfigParser
    from monai.bundle.utils import merge_kv

    parser = ConfigParser(copy.deepcopy(dict(read[order[0]])))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name in order[1:]:
            for key, value in copy.deepcopy(dict(read[name])).items():
                merge_kv(parser, key, value)
    return _Config(tuple(order), parser.get(), {_top(key): name for name in order for key in read[name]})


def _top(key: str) -> str:
    """The id of a key such as ``+initialize`` or ``optimizer#lr``."""
    return key.lstrip("+").replace("::", "#").split("#")[0]


def _problems(config: _Config) -> Iterator[tuple[str, str, str]]:
    """Path of a part, what is wrong with it, and the remedy."""
    for name, value in config.ids.items():
        if name != "_meta_":
            yield from _of_value(config, name, value)


def _of_value(config: _Config, path: str, value: Any) -> Iterator[tuple[str, str, str]]:
    if isinstance(value, Mapping):
        if "_target_" in value:
            yield from _of_target(path, value)
        for key, item in value.items():
            yield from _of_value(config, f"{path}#{key}", item)
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _of_value(config, f"{path}#{index}", item)
    elif isinstance(value, str):
        yield from _of_text(config, path, value)


def _of_text(config: _Config, path: str, text: str) -> Iterator[tuple[str, str, str]]:
    from monai.bundle import ConfigParser

    if not text.startswith(("$", "@", "%")):
        return
    absolute = ConfigParser.resolve_relative_ids(path, text)
    for reference in dict.fromkeys(_REFERENCE.findall(absolute)):
        target = reference[1:].replace("::", "#")
        if reference.startswith("%") and (text.startswith("$") or "." in target):
            continue  # the operator of Python, or another file
        if not _has(config.ids, target):
            yield path, f"{reference[0]}{target} names no id", _near(target.split("#")[0], config.ids)
    if not text.startswith("$"):
        return
    expression = _REFERENCE.sub("_reference_", absolute[1:]) if "@" in absolute else absolute[1:]
    try:
        ast.parse(expression.strip())
    except SyntaxError as error:
        yield path, f"no Python: {text[1:60]!r} ({error.msg})", "correct the expression"
    for name in _LIBRARY.findall(text):
        if not _importable(name):
            yield path, f"{name} does not exist", "correct the name"


def _of_target(path: str, component: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    target = component["_target_"]
    if not isinstance(target, str) or target.startswith(("$", "@", "%")):
        return
    found = _located(target)
    if found is None:
        yield f"{path}#_target_", f"{target} cannot be imported", "correct the name, or install its package"
        return
    arguments = [key for key in component if key not in _OF_CONFIG]
    if unknown := _unknown_arguments(found, arguments):
        yield path, f"{target} has no argument {', '.join(unknown)}", _signature(found)


@cache
def _located(target: str) -> Any:
    """The class or function of a ``_target_``, as MONAI finds it."""
    from monai.bundle.config_item import ComponentLocator

    # MONAI's table of its components knows names without dots alone, and takes seconds
    module = None if "." in target else _locator(ComponentLocator).get_component_module_name(target)
    module = module[0] if isinstance(module, list) and module else module
    try:
        return locate(f"{module}.{target}" if module else target)
    except ErrorDuringImport:
        return None


@cache
def _locator(kind: Any) -> Any:
    return kind()


@cache
def _importable(name: str) -> bool:
    try:
        resolve_name(name)
    except (AttributeError, ImportError):
        return False
    return True


def _unknown_arguments(found: Any, arguments: list[str]) -> list[str]:
    try:
        parameters = inspect.signature(found).parameters
    except (TypeError, ValueError):
        return []
    if any(each.kind is inspect.Parameter.VAR_KEYWORD for each in parameters.values()):
        return []
    return [name for name in arguments if name not in parameters]


def _signature(found: Any) -> str:
    names = [name for name in inspect.signature(found).parameters if name not in ("self", "args", "kwargs")]
    return f"it takes {', '.join(names) or 'none'}"


def _has(ids: Mapping[str, Any], path: str) -> bool:
    """Whether an id exists; parts below a reference or an expression are only known when it is evaluated."""
    value: Any = ids
    for part in path.split("#"):
        if isinstance(value, Mapping) and part in value:
            value = value[part]
        elif isinstance(value, list) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        else:
            return isinstance(value, str) and value.startswith(("@", "$", "%"))
    return True


def _near(name: str, ids: Mapping[str, Any]) -> str:
    import difflib

    near = difflib.get_close_matches(name, list(ids), n=1)
    return f"did you mean {near[0]}?" if near else "define it, or correct the name"
