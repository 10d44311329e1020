"""Loading weights from a file that the user names."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..errors import InputError, one_line

__all__ = ["check_architecture", "load_weights", "read_checkpoint"]

logger = logging.getLogger(__name__)
_SHOWN = 4  # keys named in an error message


def read_checkpoint(path: str | Path, map_location: str | torch.device = "cpu") -> dict[str, Any]:
    """Read a checkpoint without executing anything in it (``weights_only=True``).

    Args:
        path: file written by ``torch.save``.
        map_location: device on which its tensors arrive.

    Raises:
        InputError: when the file is missing, truncated, holds more than tensors and plain values, or no dictionary.
    """
    if not Path(path).is_file():
        raise InputError(f"{path}: no such checkpoint; expected a file written by training; check the path")
    try:
        content = torch.load(path, map_location=map_location, weights_only=True)
    except Exception as error:  # a damaged file makes torch raise whatever it likes
        found = _found(path, error)
        raise InputError(f"{path}: not a readable checkpoint ({found}); write it again by training") from error
    if not isinstance(content, dict):
        raise InputError(
            f"{path}: holds a {type(content).__name__}; expected a dictionary of tensors; name another file"
        )
    return content


def _found(path: str | Path, error: Exception) -> str:
    """What is wrong with a checkpoint. torch's own words on pickles advise to read them with ``weights_only=False``."""
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


def load_weights(module: nn.Module, path: str | Path | None, prefix: str = "") -> nn.Module:
    """Load ``module``'s weights from a file and return it; with no path, leave the random start and say so in the log.

    Args:
        module: network to fill, in place.
        path: a state dict, or a checkpoint that holds one under ``network``; ``None`` for none.
        prefix: load the keys that start with it, without it: ``"encoder."`` takes the encoder of a Siamese network.

    Raises:
        InputError: when the file can't be read, or keys or shapes are another architecture's; the message lists them.
    """
    name = type(module).__name__
    if path is None:
        logger.info(f"{name} starts from random weights: no checkpoint was named.")
        return module
    state = read_checkpoint(path)
    state = state.get("network", state)
    state = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
    check_architecture(module.state_dict(), state, module, path)
    module.load_state_dict(state)
    logger.info(f"{name}: loaded {len(state)} tensors from {path}.")
    return module


def check_architecture(
    expected: Mapping[str, torch.Tensor], state: Mapping[str, Any], module: nn.Module, path: str | Path
) -> None:
    """Refuse weights that don't fit.

    Args:
        expected: tensors of ``module``, under the names that the file should have for them.
        state: state dict of the file.
        module: network to fill.
        path: path of the file.

    Raises:
        InputError: when keys or shapes differ; the message lists them.
    """
    problems = [
        *_listed("missing", [key for key in expected if key not in state]),
        *_listed("unexpected", [key for key in state if key not in expected]),
        *_listed("of another shape", [k for k in expected if k in state and expected[k].shape != state[k].shape]),
    ]
    if problems:
        raise InputError(
            f"{path}: weights of another architecture than {type(module).__name__}: {'; '.join(problems)}; "
            "name a checkpoint of the same network, number of modalities and classes"
        )


def _listed(what: str, keys: list[str]) -> list[str]:
    if not keys:
        return []
    more = f" and {len(keys) - _SHOWN} more" if len(keys) > _SHOWN else ""
    return [f"{len(keys)} keys {what} ({', '.join(keys[:_SHOWN])}{more})"]
