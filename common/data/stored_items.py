"""Preprocessed items as files without pickles, whose arrays can be mapped into memory."""

from __future__ import annotations

import io
import json
import logging
import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from ..errors import InputError

__all__ = ["pack_item", "read_item", "unpack_item"]

logger = logging.getLogger(__name__)

ALIGNMENT = 64  # bytes, of arrays in a file
LEAST_MAPPED = 4096  # bytes of an array that is mapped: a page


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
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, array in {"plain": np.frombuffer(text.encode(), dtype=np.uint8), **stored}.items():
            member = zipfile.ZipInfo(f"{name}.npy")
            member.extra = _padding(buffer.tell() + 30 + len(member.filename) + 20)  # its header with a 64-bit size
            with archive.open(member, "w", force_zip64=True) as file:
                np.lib.format.write_array(file, array, allow_pickle=False)
    return buffer.getvalue()


def unpack_item(file: io.BytesIO | Path) -> dict[str, Any]:
    """The item that :func:`pack_item` made the content of, with arrays as tensors."""
    with np.load(file, allow_pickle=False) as stored:
        item = json.loads(stored["plain"].tobytes())
        arrays = {name.removeprefix("array_"): torch.from_numpy(stored[name]) for name in stored if name != "plain"}
    return item | arrays


def read_item(path: Path, mapped: bool = False) -> dict[str, Any] | None:
    """The stored item, or ``None`` if there is none or it is damaged, as by a full disk.

    Args:
        path: file with the content of :func:`pack_item`.
        mapped: whether arrays are pages of the file, once its checksums have been compared: all processes share them,
            the system may drop and read them again, and a page is copied before it is written to.
    """
    try:
        item = unpack_item(path)
        return item | _mapped(path, item) if mapped else item
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
        logger.warning("%s: damaged (%s); computed again", path, error)
        return None


def _mapped(path: Path, item: Mapping[str, Any]) -> dict[str, torch.Tensor]:
    """The large arrays of an item as pages of its file."""
    found = {}
    with zipfile.ZipFile(path) as archive, open(path, "rb") as file:
        for key, value in item.items():
            if isinstance(value, torch.Tensor) and value.nbytes >= LEAST_MAPPED:
                file.seek(archive.getinfo(f"array_{key}.npy").header_offset)
                file.seek(sum(struct.unpack("<26x2H", file.read(30))), 1)  # lengths of name and padding
                np.lib.format.read_magic(file)
                shape, is_fortran, dtype = np.lib.format.read_array_header_1_0(file)
                order: Literal["C", "F"] = "F" if is_fortran else "C"
                found[key] = torch.from_numpy(np.memmap(path, dtype, "c", file.tell(), shape, order))
    return found


def _padding(begin: int) -> bytes:
    """Extra field of a member of a ZIP that would begin at an offset without it, so that its array is aligned."""
    length = (-begin - 4) % ALIGNMENT
    return struct.pack("<2H", 0xFFFF, length) + bytes(length)
