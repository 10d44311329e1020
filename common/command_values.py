"""Words of a command line as values of the types that a signature names."""

from __future__ import annotations

import os
import re
import types
from collections.abc import Mapping, Sequence
from typing import Any, Literal, Union, get_args, get_origin

__all__ = ["metavar", "read_setting", "read_value", "shown", "word_type"]

_NONE = ("none", "null")
#: A key such as ``network_def#projector``, the rest of which would be a comment in Python.
_SUB_ID = re.compile(r"(?<=[{,\s])\w+(?:#\w+)+(?=\s*:)")
_METAVARS = {Sequence: "A,B,...", tuple: "A,B,...", Mapping: "{A: B}", int: "INTEGER", float: "NUMBER", str: "TEXT"}


def read_value(hint: Any, text: str) -> Any:
    """The value of a word, by the type of its parameter.

    Sequences are separated by commas, with or without brackets; ``none`` and ``null`` are ``None`` where the type
    allows it. A mapping is read as by :func:`read_setting`.

    Args:
        hint: type of the parameter.
        text: the word.

    Raises:
        ValueError: the word is no value of this type.

    Example:
        >>> read_value(tuple[int, int, int], "96,96,64")
        (96, 96, 64)
    """
    members = _members(hint)
    if type(None) in members and text.lower() in _NONE:
        return None
    problems = []
    for member in sorted(members, key=lambda each: each is str):
        try:
            return _converted(member, text)
        except ValueError as error:
            problems.append(error)
    raise problems[0]


def read_setting(text: str) -> Any:
    """The value of a config id as ``python -m monai.bundle`` reads it from the command line."""
    from fire.parser import DefaultParseValue

    return DefaultParseValue(text)


def _converted(hint: Any, text: str) -> Any:
    origin, arguments = get_origin(hint) or hint, get_args(hint)
    if origin is Literal and text not in arguments:
        raise ValueError(f"{text!r}, expected one of {', '.join(arguments)}")
    if origin in (int, float):
        try:
            return origin(text)
        except ValueError:
            raise ValueError(f"{text!r}, expected {'an integer' if origin is int else 'a number'}") from None
    if origin is Mapping:
        found = read_setting(_SUB_ID.sub(r"'\g<0>'", text))
        if not isinstance(found, dict):
            raise ValueError(f"{text!r}, expected a mapping such as '{{key: value}}'")
        if arguments[1] is str:
            return {str(key): str(value) for key, value in found.items()}
        return {str(key): None if value == "null" else value for key, value in found.items()}
    if origin in (Sequence, tuple):
        parts = [part.strip(" '\"") for part in text.strip(" ()[]").split(",") if part.strip()]
        if origin is tuple and Ellipsis not in arguments and len(parts) != len(arguments):
            raise ValueError(f"{text!r}, expected {len(arguments)} values separated by commas")
        return tuple(_converted(arguments[0], part) for part in parts)
    if origin not in (Literal, str, os.PathLike):
        raise ValueError(f"{text!r}, expected {hint}")
    return text


def word_type(hint: Any) -> Any:
    """Type for the parser of words: ``bool`` for a switch, ``Literal`` for a choice, or ``None``, else ``Any``."""
    members = [each for each in _members(hint) if each is not type(None)]
    if len(members) == 1 and get_origin(members[0]) is Literal:
        return hint  # with None, as the default is checked too where pydantic is loaded
    return bool if members == [bool] else Any


def metavar(hint: Any) -> str | None:
    """Placeholder of the value in the help."""
    origins = [get_origin(each) or each for each in _members(hint)]
    return next((_METAVARS[each] for each in origins if each in _METAVARS), "VALUE") if word_type(hint) is Any else None


def shown(value: Any) -> str:
    """A value as written on the command line."""
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _members(hint: Any) -> tuple[Any, ...]:
    return get_args(hint) if get_origin(hint) in (Union, types.UnionType) else (hint,)
