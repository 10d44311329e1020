"""Initialisation of parts of a network with the weights of another."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from torch import nn

from .encoder_weights import load_encoder_weights
from .weights import load_weights

__all__ = ["load_parts"]


def load_parts(
    network: nn.Module, path: str | Path | None, parts: Mapping[str, str], any_channels: bool = False
) -> nn.Module:
    """Load parts of a network from a file and return the network; without a path, keep random weights.

    Args:
        network: network to fill, in place.
        path: path of a state dict, or of a checkpoint with one under ``network``; ``None`` for none.
        parts: names of submodules, each with the prefix of its keys in the file: ``{"encoder": "encoder."}``.
        any_channels: whether to allow another number of modalities, see :func:`load_encoder_weights`.

    Raises:
        InputError: the file can't be read, or has weights of another architecture.

    Example:
        >>> network = nn.Sequential(nn.Linear(2, 1))
        >>> load_parts(network, None, {"0": "head."}) is network
        True
    """
    load = load_encoder_weights if any_channels else load_weights
    for name, prefix in parts.items():
        load(network.get_submodule(name), path, prefix)
    return network
