"""Loading of weights from a file."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..checkpoints import read_checkpoint
from ..errors import InputError
from ..options import calling_parser

__all__ = ["check_architecture", "load_weights", "log_random_start", "state_dict_in"]

logger = logging.getLogger(__name__)
_FILES = ("pretrained_weights", "pretrained_encoder", "checkpoint")  # ids of a config
_SHOWN = 4  # keys named in an error message


def load_weights(module: nn.Module, path: str | Path | None, prefix: str = "") -> nn.Module:
    """Load ``module``'s weights from a file and return it; without a path, keep random weights, which is logged
    (:func:`log_random_start`).

    Args:
        module: network to fill, in place.
        path: path of a state dict, or of a checkpoint with one under ``network``; ``None`` for none.
        prefix: prefix of the keys in the file, such as ``"encoder."`` for the encoder of a Siamese network.

    Raises:
        InputError: the file can't be read, keys or shapes are another architecture's, or values are not finite; the
            message lists them.
    """
    name = type(module).__name__
    if path is None:
        log_random_start(name, "checkpoint")
        return module
    state = state_dict_in(read_checkpoint(path))
    state = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
    check_architecture(module.state_dict(), state, module, path)
    module.load_state_dict(state)
    logger.info(f"{name}: loaded {len(state)} tensors from {path}.")
    return module


def log_random_start(name: str, source: str) -> None:
    """Log that a network starts from random weights, unless the config that builds it names others, loaded before or
    after these.

    Args:
        name: name of the network.
        source: what was not named, such as ``"checkpoint"``.
    """
    content = parser.get() if (parser := calling_parser()) else {}
    if not any(content.get(key) for key in _FILES):
        logger.info(f"{name} starts from random weights: no {source} was named.")


def state_dict_in(checkpoint: Mapping[str, Any]) -> Mapping[str, Any]:
    """The state dict of the network under ``network`` in a checkpoint, or else the checkpoint itself."""
    network = checkpoint.get("network")
    return network if isinstance(network, Mapping) else checkpoint


def check_architecture(
    expected: Mapping[str, torch.Tensor], state: Mapping[str, Any], module: nn.Module, path: str | Path
) -> None:
    """Check that weights fit a network.

    Args:
        expected: tensors of ``module`` by their expected names in the file.
        state: state dict of the file.
        module: network to fill.
        path: path of the file.

    Raises:
        InputError: keys or shapes differ, or values are not finite; the message lists them.
    """
    other = [key for key in expected if key in state and _shape(state[key]) != expected[key].shape]
    problems = [
        *_listed("missing", [key for key in expected if key not in state]),
        *_listed("unexpected", [key for key in state if key not in expected]),
        *_listed("of another shape", other),
    ]
    if problems:
        raise InputError(
            f"{path}: weights of another architecture than {type(module).__name__}: {'; '.join(problems)}; "
            "name a checkpoint of the same network, number of modalities and classes"
        )
    lost = [key for key in expected if state[key].is_floating_point() and not bool(state[key].isfinite().all())]
    if lost:
        raise InputError(f"{path}: {_listed('of NaN or infinity', lost)[0]}; expected numbers; name another checkpoint")


def _shape(value: Any) -> torch.Size | None:
    return value.shape if isinstance(value, torch.Tensor) else None


def _listed(what: str, keys: list[str]) -> list[str]:
    if not keys:
        return []
    more = f" and {len(keys) - _SHOWN} more" if len(keys) > _SHOWN else ""
    return [f"{len(keys)} keys {what} ({', '.join(keys[:_SHOWN])}{more})"]
