"""Hash of the settings of a pipeline of transforms, the same in every process."""

from __future__ import annotations

import enum
import functools
import hashlib
import json
import threading
from collections.abc import Iterator, Mapping
from types import BuiltinFunctionType, CodeType, FunctionType, MethodType
from typing import Any

import numpy as np
import torch
from monai.data import ImageReader

from ..errors import InputError

__all__ = ["fingerprint"]


def fingerprint(*objects: Any) -> str:
    """A hash of the classes of objects and of all their settings, including nested ones.

    In contrast to the hash of a pickle, it is the same in each process, supports lambdas, and reports what it does not
    support.

    Args:
        objects: transforms, or other objects made of plain values, arrays, tensors, functions and objects with
            attributes.

    Returns:
        40 hexadecimal digits.

    Raises:
        InputError: the settings of an object cannot be read.

    Example:
        >>> fingerprint(Orientationd("image", axcodes="RAS")) == fingerprint(Orientationd("image", axcodes="LPS"))
        False
    """
    text = json.dumps(_plain(objects, ()), sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=20).hexdigest()


def _plain(value: Any, above: tuple[int, ...]) -> Any:
    """A value as JSON; ``above`` are the objects that contain it, to which it may refer."""
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if id(value) in above:
        return ["above", len(above) - above.index(id(value))]
    inner = (*above, id(value))
    if isinstance(value, list | tuple):
        return [_plain(item, inner) for item in value]
    if isinstance(value, Mapping):
        return {"mapping": sorted([json.dumps(_plain(k, inner)), _plain(v, inner)] for k, v in value.items())}
    if isinstance(value, set | frozenset):
        return {"set": sorted(json.dumps(_plain(item, inner)) for item in value)}
    if isinstance(value, np.ndarray | np.generic | torch.Tensor):
        return _array(torch.as_tensor(value).cpu().numpy() if isinstance(value, torch.Tensor) else np.asarray(value))
    if isinstance(value, bytes | torch.dtype | torch.device | np.dtype | complex | slice | range):
        return [type(value).__name__, str(value)]
    if isinstance(value, enum.Enum):
        return [_name(type(value)), value.name]
    if isinstance(value, type | BuiltinFunctionType | np.ufunc):
        return _name(value)
    return _of_object(value, inner)


def _of_object(value: Any, inner: tuple[int, ...]) -> Any:
    if isinstance(value, functools.partial):
        return ["partial", *(_plain(item, inner) for item in (value.func, value.args, value.keywords))]
    if isinstance(value, MethodType):
        return ["method", _plain(value.__self__, inner), _plain(value.__func__, inner)]
    if isinstance(value, FunctionType):
        captured = [cell.cell_contents for cell in value.__closure__ or ()]
        return [
            _name(value),
            _code(value.__code__),
            _plain([value.__defaults__, value.__kwdefaults__, captured, _referred(value)], inner),
        ]
    if isinstance(value, np.random.RandomState | np.random.Generator | torch.Generator):
        return type(value).__name__  # a state, not a setting
    if not hasattr(value, "__dict__"):
        raise InputError(
            f"preprocessing: found a {_name(type(value))}, whose settings cannot be read; expected transforms with "
            "plain values; move it after the first random transform, or cache the cohort in memory"
        )
    # state from the use of a transform is no setting: thread-local data, the last files of a reader
    settings = {key: item for key, item in vars(value).items() if not isinstance(item, threading.local)}
    if isinstance(value, ImageReader):
        settings.pop("filenames", None)
    return [_name(type(value)), _plain(settings, inner)]


def _referred(function: FunctionType) -> dict[str, Any]:
    """Values of the ids to which a function that is an expression of a config refers, as MONAI passes them."""
    refs = function.__globals__.get("__local_refs", {})
    return {name: refs[name] for name in _texts(function.__code__) if name in refs}


def _texts(code: CodeType) -> Iterator[str]:
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _texts(constant)
        elif isinstance(constant, str):
            yield constant


def _array(array: np.ndarray) -> list[str]:
    digest = hashlib.blake2b(np.ascontiguousarray(array).tobytes(), digest_size=16).hexdigest()
    return ["array", str(array.dtype), str(array.shape), digest]


def _code(code: CodeType) -> list[Any]:
    """Instructions of a function; other Python versions may compile it differently, which only repeats the work."""
    constants = [_code(item) if isinstance(item, CodeType) else repr(item) for item in code.co_consts]
    return [hashlib.blake2b(code.co_code, digest_size=16).hexdigest(), constants, list(code.co_names)]


def _name(thing: Any) -> str:
    return f"{getattr(thing, '__module__', '')}.{getattr(thing, '__qualname__', None) or thing.__name__}"
