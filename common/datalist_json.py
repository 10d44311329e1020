"""Reading a datalist as JSON, before its rows are checked."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .errors import InputError, one_line
from .garbage import collection
from .programs import command_of

__all__ = ["indexed_names", "read_datalist"]


def read_datalist(path: str | os.PathLike[str] | None) -> dict[str, Any]:
    """The content of a datalist.

    Args:
        path: datalist file; ``None``, the default of configs, is reported as missing.

    Raises:
        InputError: there is no such file, or it holds no JSON object.
    """
    if not path:
        raise InputError("datalist: found none, expected the path of a datalist; set --datalist")
    path = Path(path)
    if path.parent.is_file():
        raise InputError(
            f"dataset_dir: {path.parent}: found a file, expected the folder of datalist.json; set --dataset_dir "
            f"{path.parent.parent}{'' if path.parent.name == path.name else f' --datalist {path.parent}'}"
        )
    if not path.is_file():
        raise InputError(
            f"{path}: found no such file, expected a datalist; set --datalist or run {command_of('make_datalist')}"
        )
    try:
        with collection(enabled=False):
            content = json.loads(path.read_text(encoding="utf-8"), object_pairs_hook=_without_doubles)
    except UnicodeDecodeError:
        raise InputError(
            f"{path}: found no UTF-8 text, expected a datalist in UTF-8; save it as UTF-8, or name another file"
        ) from None
    except (ValueError, OSError, RecursionError) as error:
        if isinstance(error, json.JSONDecodeError) and "BOM" in error.msg:  # in Python's words: decode using utf-8-sig
            raise InputError(
                f"{path}: found a byte order mark before the text, expected a datalist in plain UTF-8; save it as UTF-8"
            ) from None
        found = "too many brackets in one another" if isinstance(error, RecursionError) else one_line(error)
        raise InputError(f"{path}: found no JSON ({found}), expected a datalist; correct the file") from None
    if not isinstance(content, dict):
        raise InputError(
            f"{path}: found a {type(content).__name__}, expected an object with rows in 'training' or 'testing'; "
            "correct the file"
        )
    return content


def indexed_names(path: str | os.PathLike[str], content: Mapping[str, Any], key: str) -> dict[str, str]:
    """``labels`` or ``modality`` of a datalist: names by index as text, without gaps; empty where it has none.

    Args:
        path: datalist file, for the message.
        content: content of the datalist.
        key: "labels" or "modality".

    Raises:
        InputError: the names have other indices, or two of them are equal.
    """
    names = content.get(key) or {}
    if not isinstance(names, dict) or sorted(names) != sorted(str(index) for index in range(len(names))):
        raise InputError(f'{path}: {key}: found {names!r}, expected {{"0": name, "1": name, ...}}; correct it')
    if len({str(name) for name in names.values()}) < len(names):
        raise InputError(f"{path}: {key}: found {names!r}, expected another name for each index; correct it")
    return names


def _without_doubles(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of JSON, of whose equal keys Python would keep the last one."""
    content = dict(pairs)
    if len(content) < len(pairs):
        keys = [key for key, _ in pairs]
        raise ValueError(f"{next(key for key in keys if keys.count(key) > 1)!r} twice in one object")
    return content
