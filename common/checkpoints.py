"""Reading checkpoints without executing anything in them."""

from __future__ import annotations

import warnings
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .errors import InputError, one_line

if TYPE_CHECKING:
    import torch

__all__ = ["read_checkpoint"]

_SHOWN = 4  # names in an error message


def read_checkpoint(path: str | Path, map_location: str | torch.device = "cpu") -> dict[str, Any]:
    """Read a checkpoint without executing anything in it (``weights_only=True``).

    Args:
        path: path of a file written by ``torch.save``.
        map_location: device of the loaded tensors.

    Raises:
        InputError: the file is missing, truncated or damaged, contains more than tensors and plain values, or is no
            dictionary with text as keys.
    """
    import torch  # here, as scripts that import this package need not wait for it

    if not Path(path).is_file():
        raise InputError(f"{path}: no such checkpoint; expected a file written by training; check the path")
    if damaged := _damaged_member(path):
        raise InputError(f"{path}: not a readable checkpoint (damaged in {damaged!r}); copy it again, or train again")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of other protocols of pickle, which end in an error of their own
            content = torch.load(path, map_location=map_location, weights_only=True)
    except Exception as error:  # for a damaged file torch raises arbitrary errors
        found = _found(path, error)
        raise InputError(f"{path}: not a readable checkpoint ({found}); write it again by training") from error
    if not isinstance(content, dict):
        raise InputError(
            f"{path}: holds a {type(content).__name__}; expected a dictionary of tensors; name another file"
        )
    if others := sorted({type(key).__name__ for key in content if not isinstance(key, str)}):
        raise InputError(f"{path}: keys of type {', '.join(others)}; expected names of tensors; name another file")
    return content


def _damaged_member(path: str | Path) -> str | None:
    """The first file in a checkpoint whose bytes have another checksum than stated, which torch does not compare."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip()
    except Exception:  # no zip file, as torch.save once wrote, or a damaged directory, on which torch decides
        return None


def _found(path: str | Path, error: Exception) -> str:
    """Problem of a checkpoint, without torch's advice to read pickles with ``weights_only=False``."""
    import torch

    if not str(error):
        return "an empty file"
    if "weights_only" not in str(error):
        return one_line(error) if isinstance(error, RuntimeError | OSError | EOFError) else "no file of torch.save"
    try:
        names = torch.serialization.get_unsafe_globals_in_checkpoint(path)
    except Exception:  # of a file that is no checkpoint at all
        names = []
    which = f", such as {', '.join(names[:_SHOWN])}" if names else ""
    return f"it holds more than tensors and plain values{which}, and reading that could run code"
