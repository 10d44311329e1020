"""Preprocessed items as files without pickles."""

from __future__ import annotations

import io
import json
import logging
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..errors import InputError

__all__ = ["pack_item", "read_item", "unpack_item"]

logger = logging.getLogger(__name__)


def pack_item(item: Mapping[str, Any], path: Path) -> bytes:
    """Arrays, and plain values as JSON, as the content of one ``.npz``.

    Args:
        item: what is stored: arrays, tensors and plain values.
        path: where it will be stored, for messages.

    Raises:
        InputError: a value is neither an array nor plain, or of a type that NumPy does not have, such as bfloat16.
    """
    arrays = {key: value for key, value in item.items() if isinstance(value, torch.Tensor | np.ndarray)}
    try:
        text = json.dumps({key: value for key, value in item.items() if key not in arrays})
        stored: dict[str, Any] = {
            f"array_{key}": np.asarray(torch.as_tensor(value).cpu()) for key, value in arrays.items()
        }
    except TypeError as error:
        raise InputError(
            f"{path.parent}: found a result of preprocessing that cannot be stored ({error}), expected arrays of "
            "integers, float16 or float32, and plain values; drop it by SelectItemsd, or set EnsureTyped's dtype"
        ) from error
    buffer = io.BytesIO()
    np.savez(buffer, plain=np.frombuffer(text.encode(), dtype=np.uint8), **stored)
    return buffer.getvalue()


def unpack_item(file: io.BytesIO | Path) -> dict[str, Any]:
    """The item that :func:`pack_item` made the content of, with arrays as tensors."""
    with np.load(file, allow_pickle=False) as stored:
        item = json.loads(stored["plain"].tobytes())
        arrays = {name.removeprefix("array_"): torch.from_numpy(stored[name]) for name in stored if name != "plain"}
    return item | arrays


def read_item(path: Path) -> dict[str, Any] | None:
    """The stored item, or ``None`` if there is none or it is damaged, as by a full disk."""
    try:
        return unpack_item(path)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        logger.warning("%s: damaged (%s); computed again", path, error)
        return None
