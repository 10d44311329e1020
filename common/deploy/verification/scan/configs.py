"""JSON files, configs and metadata."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from .allowed import EXPRESSIONS, FIXED, FIXED_ARGUMENTS, IMPORTS, MACROS, TARGETS

__all__ = ["read_json", "scan_config", "scan_json", "scan_metadata"]

_ID = re.compile(r"\w+", re.ASCII)
_REFERENCE = re.compile(r"@\w+((#|::)\w+)*", re.ASCII)
_OUTSIDE = re.compile(r"^[/~\\]|^[A-Za-z]:|\.\.|://")  # a path outside the archive
_SHOWN = 90  # characters of a value in a message


def scan_json(content: bytes) -> list[str]:
    """Problems of a file that is not evaluated: it must be JSON that all readers interpret in the same way."""
    return read_json(content)[1]


def scan_metadata(content: bytes) -> list[str]:
    """Problems of ``metadata.json``: MONAI makes it a part of each config, so it must not contain expressions."""
    value, problems = read_json(content)
    for place, key, item in _walk(value):
        if key is not None and key.startswith("_"):
            problems.append(f"{place}: the key {key!r} has a meaning in configs")
        if isinstance(item, str) and item[:1] in ("$", "@", "%"):
            problems.append(f"{place}: {_short(item)} would be evaluated; metadata is plain text")
    return problems


def scan_config(content: bytes) -> list[str]:
    """Problems of a config: everything that is not on the allow-lists of components, arguments and expressions."""
    config, problems = read_json(content)
    if problems:
        return problems
    if not isinstance(config, dict):
        return [f"{type(config).__name__}; a config is a dictionary"]
    for name, expected in FIXED.items():
        if config.get(name, expected) != expected:
            problems.append(f"{name}: {_short(config[name])}; only {_short(expected)} is allowed")
    imports = config.get("imports", [])
    for line in imports if isinstance(imports, list) else [imports]:
        if not isinstance(line, str) or line not in IMPORTS:
            problems.append(f"imports: {_short(line)} is not on the allow-list")
    for place, key, value in _walk({name: value for name, value in config.items() if name != "imports"}):
        problems += [f"{place}: {problem}" for problem in _problems(key, value)]
    return problems


def _problems(key: str | None, value: Any) -> Iterator[str]:
    """Problems of one value, apart from nested values."""
    if key is not None and not (_ID.fullmatch(key) and (key[0] != "_" or key in ("_target_", "_disabled_"))):
        yield f"the key {key!r} is not allowed"
    if isinstance(value, dict) and "_target_" in value:
        target = value["_target_"]
        if not isinstance(target, str) or target not in TARGETS:
            yield f"the component {_short(target)} is not on the allow-list"
        elif unknown := sorted(value.keys() - TARGETS[target] - {"_target_", "_disabled_"}):
            yield f"{target}: the argument {unknown[0]!r} is not on the allow-list"
        else:
            for name, expected in FIXED_ARGUMENTS.get(target, {}).items():
                if value.get(name) != expected:
                    yield f"{target}: {name} is {_short(value.get(name))}; only {_short(expected)} is allowed"
    if not isinstance(value, str):
        return
    if value.startswith("$"):
        if value not in EXPRESSIONS:
            yield f"the expression {_short(value)} is not on the allow-list"
    elif value.startswith("%"):
        if value not in MACROS:
            yield f"the macro {_short(value)} is not on the allow-list"
    elif value.startswith("@"):
        if not _REFERENCE.fullmatch(value):
            yield f"{_short(value)} is no plain reference"
    elif _OUTSIDE.search(value):
        yield f"{_short(value)} is a place outside the archive"


def _walk(value: Any, place: str = "", key: str | None = None) -> Iterator[tuple[str, str | None, Any]]:
    """Each value with its id in MONAI's notation, and its key if it has one."""
    yield place, key, value
    if isinstance(value, dict):
        for name, item in value.items():
            shown = name if name.isprintable() else ascii(name)[1:-1]
            yield from _walk(item, f"{place}#{shown}" if place else shown, name)
    elif isinstance(value, list):
        for number, item in enumerate(value):
            yield from _walk(item, f"{place}#{number}")


def read_json(content: bytes) -> tuple[Any, list[str]]:
    """A JSON file's value, and its problems: not JSON in UTF-8, or duplicate keys, on which readers differ."""
    twice: list[str] = []

    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        """An object, after its repeated names are noted."""
        names = [name for name, _ in pairs]
        twice.extend(sorted({name for name in names if names.count(name) > 1}))
        return dict(pairs)

    try:
        value = json.loads(content.decode("utf-8"), object_pairs_hook=unique)
    except (ValueError, RecursionError) as error:
        return None, [f"not JSON in UTF-8 ({type(error).__name__})"]
    return value, [f"the key {name!r} is given twice" for name in twice]


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
