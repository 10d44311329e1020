"""References, expressions and components of options that nothing resolves; found before anything is read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pydoc import locate
from typing import Any

from .errors import InputError, one_line, root_cause
from .hints import did_you_mean
from .references import closure, evaluated, references

__all__ = ["part_problem", "unresolved"]

_PATH = re.compile(r"@(\w+(?:(?:::|#)\w+)*)")
_CODE = ("$", "@", "%")
_OF_MONAI = ("imports", "initialize", "run", "finalize")


def unresolved(config: Mapping[str, Any], defaults: Mapping[str, Sequence[Mapping[str, Any]]]) -> Iterator[str]:
    """A line for each reference to an id that is missing, expression that fails and component that does not exist.

    An expression is evaluated only where it differs from the defaults and needs no component.

    Args:
        config: merged files and options.
        defaults: for each id the configs of the bundle that have it.
    """
    for name, value in config.items():
        if name.startswith("_") or any(value == default[name] for default in defaults.get(name, ())):
            continue
        known = [default[name] for default in defaults.get(name, ())]
        lines = [*_lost(name, value, known, config), *_surplus(name, value, known, config)]
        yield from lines
        if not lines and name not in _OF_MONAI and isinstance(value, str) and value.startswith("$"):
            yield from _failing(name, value, config)


def part_problem(name: str, config: Mapping[str, Any]) -> str | None:
    """Why no part of a config can be set under a name such as ``optimizer#lr``; ``None`` if it can.

    Args:
        name: id with ``#`` or ``::`` between its parts.
        config: merged files.
    """
    *above, _ = name.replace("::", "#").split("#")
    if above and (near := _missing("#".join(above), config)):
        return f"{name}: no config has {'#'.join(above)}; {near}"
    node: Any = config
    for key in above:
        if not isinstance(node, Mapping | list):
            break
        node = node[key] if isinstance(node, Mapping) else node[int(key)]
    return None if isinstance(node, Mapping | list) else f"{name}: {'#'.join(above)} is {node!r}, which has no parts"


def _lost(place: str, value: Any, known: Sequence[Any], config: Mapping[str, Any]) -> Iterator[str]:
    """References and components of a value, but for those that are in the defaults."""
    if any(value == default for default in known):
        return
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _lost(f"{place}#{key}", item, [each[key] for each in known if _has(each, key)], config)
    elif isinstance(value, list):
        of_lists = [item for default in known if isinstance(default, list) for item in default]
        for number, item in enumerate(value):
            yield from _lost(f"{place}#{number}", item, of_lists, config)
    elif isinstance(value, str) and value.startswith(_CODE):
        for path in _PATH.findall(value) if value[0] == "$" or references(value) else ():
            if near := _missing(path.replace("::", "#"), config):
                yield f"{place}: found {value!r}, but no config has {path}; {near}"
    elif place.endswith("#_target_") and isinstance(value, str) and not _exists(value):
        yield f"{place}: found {value!r}, but there is no such class or function; correct it, or install its package"


def _missing(path: str, config: Mapping[str, Any]) -> str | None:
    """A hint where the config lacks a path; ``None`` where it has it, or only a run can show it."""
    node: Any = config
    for key in path.split("#"):
        if isinstance(node, Mapping) and key not in node:
            return did_you_mean(key, map(str, node), f"it has {', '.join(map(str, list(node)[:8]))}")
        if isinstance(node, list) and not (key.isdigit() and int(key) < len(node)):
            return f"it has {len(node)} entries"
        if not isinstance(node, Mapping | list):
            return None
        node = node[key] if isinstance(node, Mapping) else node[int(key)]
    return None


def _surplus(name: str, value: Any, known: Sequence[Any], config: Mapping[str, Any]) -> Iterator[str]:
    """Ids in a section, such as ``train``, that no config has and to which nothing refers."""
    sections = [each for each in known if isinstance(each, Mapping) and "_target_" not in each]
    if not any(isinstance(item, Mapping | list) for each in sections for item in each.values()):
        return  # a table of the user's own names, such as learnt_tables
    if not isinstance(value, Mapping) or "_target_" in value or len(sections) < len(known) or not known:
        return
    keys = set().union(*sections)
    texts = None
    for key in (key for key in value if key not in keys):
        texts = texts if texts is not None else list(_texts(config))
        if any(re.search(rf"[@%]{name}(?:#|::){re.escape(str(key))}\b", text) for text in texts):
            continue
        hint = did_you_mean(str(key), map(str, keys), f"it has {', '.join(sorted(map(str, keys)))}", f"{name}#")
        yield f"{name}#{key}: no config has this option; {hint}"


def _failing(name: str, value: str, config: Mapping[str, Any]) -> Iterator[str]:
    """A line for an expression that cannot be evaluated."""
    needed = closure(config, [name])
    if any(isinstance(config[key], Mapping) for key in needed) or "import" in value:
        return
    imports = {"imports": config["imports"]} if "imports" in config else {}
    try:
        evaluated({**imports, **{key: config[key] for key in needed}}, name)
    except InputError:
        return  # of data, which the run reports where it reads them
    except Exception as error:
        cause = root_cause(error)
        yield f"{name}: found {value!r}, which fails ({type(cause).__name__}: {one_line(cause)}); correct it"


def _exists(target: str) -> bool:
    from monai.bundle import ComponentLocator  # here, as scripts that import this package need not wait for MONAI

    if target.startswith(_CODE):
        return True
    try:
        path = target if "." in target else f"{ComponentLocator().get_component_module_name(target)}.{target}"
        return locate(path) is not None
    except Exception:  # it exists, and its import fails or several modules have it
        return True


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping | list):
        for item in value.values() if isinstance(value, Mapping) else value:
            yield from _texts(item)
    elif isinstance(value, str):
        yield value


def _has(value: Any, key: Any) -> bool:
    return isinstance(value, Mapping) and key in value
