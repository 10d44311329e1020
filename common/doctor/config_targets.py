"""Components of a config: whether their class or function exists and takes the arguments."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from functools import cache
from pydoc import ErrorDuringImport, locate
from typing import Any, NamedTuple

__all__ = ["KEYS", "Problem", "problems_of_target"]

#: Keys of a component that are MONAI's own.
KEYS = ("_target_", "_requires_", "_disabled_", "_desc_", "_mode_", "_meta_")


class Problem(NamedTuple):
    """A part of a config that does not resolve.

    Attributes:
        path: path of the part, such as ``network_def#_target_``.
        text: description of the problem.
        remedy: action to take.
    """

    path: str
    text: str
    remedy: str


def problems_of_target(path: str, component: Mapping[str, Any]) -> Iterator[Problem]:
    """Find what is wrong with ``_target_`` and the arguments of a component; nothing is instantiated.

    Args:
        path: path of the component in the config.
        component: mapping with ``_target_``.
    """
    target = component["_target_"]
    if not isinstance(target, str) or target.startswith(("$", "@", "%")):
        return
    found = _located(target)
    if found is None:
        yield Problem(f"{path}#_target_", f"{target} cannot be imported", "correct the name, or install its package")
        return
    if not callable(found):
        yield Problem(f"{path}#_target_", f"{target} is no class or function", "name one")
        return
    given = [key for key in component if key not in KEYS]
    unknown, lacking = _wrong_arguments(found, given)
    if unknown:
        yield Problem(path, f"{target} has no argument {', '.join(unknown)}", _signature(found))
    if lacking and component.get("_mode_", "default") == "default":
        yield Problem(path, f"{target} needs the argument {', '.join(lacking)}", _signature(found))


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


def _wrong_arguments(found: Any, given: list[str]) -> tuple[list[str], list[str]]:
    """Arguments that a class or function does not have, and those that it needs and does not get."""
    try:
        parameters = inspect.signature(found).parameters
    except (TypeError, ValueError):
        return [], []
    kinds = {each.kind for each in parameters.values()}
    free = inspect.Parameter.VAR_KEYWORD in kinds
    unknown = [] if free else [name for name in given if name not in parameters]
    needed = [
        name
        for name, each in parameters.items()
        if each.default is each.empty and each.kind in (each.POSITIONAL_OR_KEYWORD, each.KEYWORD_ONLY)
    ]
    return unknown, [name for name in needed if name not in given]


def _signature(found: Any) -> str:
    names = [name for name in inspect.signature(found).parameters if name not in ("self", "args", "kwargs")]
    return f"it takes {', '.join(names) or 'none'}"
