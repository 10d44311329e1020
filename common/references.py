"""References between the ids of a config, and their evaluation."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any

from .errors import InputError, root_cause

__all__ = ["as_written", "closure", "evaluated", "is_plain", "references"]

_IN_EXPRESSION = re.compile(r"@(\w+)")
_WHOLE = re.compile(r"[@%](\w+)(?:(?:::|#)\w+)*")


def references(value: Any) -> set[str]:
    """Top-level ids to which a value refers, including components and expressions."""
    if isinstance(value, Mapping):
        return set().union(*map(references, value.values()))
    if isinstance(value, list):
        return set().union(*map(references, value))
    if isinstance(value, str):
        if value.startswith("$"):
            return set(_IN_EXPRESSION.findall(value))
        if found := _WHOLE.fullmatch(value):
            return {found[1]}
    return set()


def as_written(value: Any) -> Any:
    """A value of a parsed config as its file has it: ``#`` in references, which MONAI's parser turns into ``::``."""
    if isinstance(value, Mapping):
        return {key: as_written(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_written(item) for item in value]
    return value.replace("::", "#") if isinstance(value, str) and value.startswith(("$", "@")) else value


def closure(config: Mapping[str, Any], names: Iterable[str]) -> list[str]:
    """These ids and all to which they refer, directly or indirectly, in the config's order."""
    found, new = set(), set(names)
    while new:
        found |= new
        new = set().union(*(references(config.get(name)) for name in new)) - found
    return [name for name in config if name in found]


def evaluated(config: Mapping[str, Any], name: str) -> Any:
    """Value of an id, with its components instantiated.

    Raises:
        InputError: a component raised it; MONAI's layers around it are removed.
    """
    from monai.bundle import ConfigParser  # here, as scripts that import this package need not wait for MONAI

    try:
        return ConfigParser(copy.deepcopy(dict(config))).get_parsed_content(name)
    except RuntimeError as error:
        if isinstance(cause := root_cause(error), InputError):
            raise cause from None
        raise


def is_plain(value: Any) -> bool:
    """Whether the value is unchanged by writing and reading it as JSON."""
    try:
        return json.loads(json.dumps(value)) == value
    except (TypeError, ValueError):
        return False
