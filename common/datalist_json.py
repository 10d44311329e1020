"""Reading a datalist as JSON, before its rows are checked."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .errors import InputError, one_line

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
    if not path.is_file():
        raise InputError(
            f"{path}: found no such file, expected a datalist; set --datalist or run scripts/make_datalist.py"
        )
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError, RecursionError) as error:
        found = "too many brackets in one another" if isinstance(error, RecursionError) else one_line(error)
        raise InputError(f"{path}: found no JSON ({found}), expected a datalist; correct the file") from None
    if not isinstance(content, dict):
        raise InputError(f"{path}: found a {type(content).__name__}, expected an object with a list 'training'")
    return content


def indexed_names(path: str | os.PathLike[str], content: Mapping[str, Any], key: str) -> dict[str, str]:
    """``labels`` or ``modality`` of a datalist: names by index as text, without gaps; empty where it has none.

    Args:
        path: datalist file, for the message.
        content: content of the datalist.
        key: "labels" or "modality".

    Raises:
        InputError: the names have other indices, or none.
    """
    names = content.get(key) or {}
    if not isinstance(names, dict) or sorted(names) != sorted(str(index) for index in range(len(names))):
        raise InputError(f'{path}: {key}: found {names!r}, expected {{"0": name, "1": name, ...}}; correct it')
    return names
