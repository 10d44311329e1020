"""What does not resolve in a config, without instantiating, running or importing more than the named targets."""

from __future__ import annotations

import ast
import builtins
import contextlib
import re
from collections.abc import Iterable, Iterator, Mapping, Set
from functools import cache
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

from ..hints import did_you_mean
from .config_targets import KEYS, Problem, problems_of_target

__all__ = ["find_problems"]

_REFERENCE = re.compile(r"[@%]\w+(?:(?:#|::)\w+)*")
_LIBRARY = re.compile(r"(?<![\w.@'\"])common(?:\.\w+)+")
_NAMES = frozenset((*dir(builtins), "monai", "torch", "np", "numpy", "_reference_"))  # that MONAI gives expressions
_MODES = ("default", "callable", "debug")


def find_problems(ids: Mapping[str, Any]) -> Iterator[Problem]:
    """Find what does not resolve in merged configs.

    Args:
        ids: values of the configs by id, as MONAI's ``ConfigParser`` merges them.

    Returns:
        Problems of components, references, macros and expressions, in the order of the ids, and circular references.
    """
    names = _NAMES | {name for _, value in _parts(ids) for name in _imported(value)}
    for path, value in _parts(ids):
        if isinstance(value, Mapping):
            yield from _of_keys(path, value)
            if "_target_" in value:
                yield from problems_of_target(path, value)
        elif isinstance(value, str):
            yield from _of_text(ids, names, path, value)
    yield from _circles(ids)


def _imported(value: Any) -> Iterator[str]:
    """Names that an expression such as ``$import common`` gives to all others."""
    if isinstance(value, str) and value.startswith(("$import ", "$from ")):
        with contextlib.suppress(SyntaxError):
            for statement in ast.parse(value[1:]).body:
                if isinstance(statement, ast.Import | ast.ImportFrom):
                    yield from ((each.asname or each.name).split(".")[0] for each in statement.names)


def _of_keys(path: str, value: Mapping[str, Any]) -> Iterator[Problem]:
    """Keys that look like MONAI's own, which it would hand to the component, or ignore."""
    for key in value:
        if isinstance(key, str) and len(key) > 2 and key[0] == key[-1] == "_" and key not in KEYS:
            yield Problem(f"{path}#{key}", f"{key} is no key of MONAI's components", _near(key, KEYS))
    mode = value.get("_mode_", "default")
    if isinstance(mode, str) and not mode.startswith(("$", "@", "%")) and mode not in _MODES:
        yield Problem(f"{path}#_mode_", f"found {mode!r}, expected one of {', '.join(_MODES)}", _near(mode, _MODES))


def _of_text(ids: Mapping[str, Any], names: Set[str], path: str, text: str) -> Iterator[Problem]:
    from monai.bundle import ConfigParser

    if not text.startswith(("$", "@", "%")):
        return
    absolute = ConfigParser.resolve_relative_ids(path, text)
    if text.startswith("%") and (file := ConfigParser.split_path_id(absolute[1:])[0]):
        if not Path(file).is_file():  # MONAI looks for it there too
            yield Problem(path, f"{file} does not exist in {Path.cwd()}", "correct the path")
        return
    found = list(dict.fromkeys(_REFERENCE.findall(absolute)))
    for reference in found:
        target = reference[1:].replace("::", "#")
        if reference.startswith("%") and text.startswith("$"):
            continue  # the operator of Python
        if not _has(ids, target):
            yield Problem(path, f"{reference[0]}{target} names no id", _near(target.split("#")[0], ids))
    if text.startswith("@") and [absolute] != found:
        yield Problem(path, f"{text[:60]!r} is no reference, and MONAI keeps it as text", f"write ${text[:60]}")
    if text.startswith("$"):
        yield from _of_expression(names, path, absolute[1:])


def _of_expression(names: Set[str], path: str, text: str) -> Iterator[Problem]:
    try:
        tree = ast.parse(_REFERENCE.sub("_reference_", text).strip() if "@" in text else text.strip())
    except SyntaxError as error:
        yield Problem(path, f"no Python: {text[:60]!r} ({error.msg})", "correct the expression")
        return
    nodes = list(ast.walk(tree))
    bound = {each.id for each in nodes if isinstance(each, ast.Name) and not isinstance(each.ctx, ast.Load)}
    bound |= {each.arg for each in nodes if isinstance(each, ast.arg)}
    for name in dict.fromkeys(each.id for each in nodes if isinstance(each, ast.Name)):
        if name not in names and name not in bound:
            yield Problem(path, f"{name} is not defined", f"add '$import {name}' to imports, or correct the name")
    for name in _LIBRARY.findall(text):
        if not _importable(name):
            yield Problem(path, f"{name} does not exist", "correct the name")


@cache
def _importable(name: str) -> bool:
    try:
        resolve_name(name)
    except (AttributeError, ImportError):
        return False
    return True


def _has(ids: Mapping[str, Any], path: str) -> bool:
    """Whether an id exists; what a macro stands for is only known when MONAI copies it."""
    value: Any = ids
    for part in path.split("#"):
        if isinstance(value, Mapping) and part in value:
            value = value[part]
        elif isinstance(value, list) and part.isdigit() and int(part) < len(value):
            value = value[int(part)]
        else:
            return isinstance(value, str) and value.startswith("%")
    return True


def _circles(ids: Mapping[str, Any]) -> Iterator[Problem]:
    """References that lead back to themselves, such as ``a: '@b'`` and ``b: '@a'``; one problem for each circle."""
    edges = {path: list(_needed(path, value)) for path, value in _parts(ids)}
    done: set[str] = set()
    for start in edges:
        chain = [start]
        stack = [iter(edges[start])]
        while stack:
            target = next(stack[-1], None)
            if target is None:
                done.add(chain.pop())
                stack.pop()
            elif target in chain:
                circle = [*chain[chain.index(target) :], target]
                yield Problem(circle[-2], f"@{target} leads back to itself: {' -> '.join(circle)}", "break the circle")
            elif target not in done and target in edges:
                chain.append(target)
                stack.append(iter(edges[target]))


def _parts(ids: Mapping[Any, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """All parts of a config with their paths, each before its own parts."""
    for name, value in ids.items():
        if not prefix and name == "_meta_":
            continue
        yield f"{prefix}{name}", value
        if isinstance(value, Mapping | list):
            items = value if isinstance(value, Mapping) else dict(enumerate(value))
            yield from _parts(items, f"{prefix}{name}#")


def _needed(path: str, value: Any) -> Iterator[str]:
    """Paths of the parts that must be resolved before a part: its items, or those to which it refers."""
    from monai.bundle import ConfigParser

    if isinstance(value, Mapping):
        yield from (f"{path}#{key}" for key in value)
    elif isinstance(value, list):
        yield from (f"{path}#{index}" for index in range(len(value)))
    elif isinstance(value, str) and value.startswith(("$", "@")):
        absolute = ConfigParser.resolve_relative_ids(path, value)
        yield from (each[1:].replace("::", "#") for each in _REFERENCE.findall(absolute) if each[0] == "@")


def _near(name: str, known: Iterable[str]) -> str:
    return did_you_mean(name, known, "define it, or correct the name")
