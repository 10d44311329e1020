"""A network that starts from the weights of another, as far as they have parts in common."""

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
    """Load parts of a network from a file and return the network; with no path, leave its random start.

    Args:
        network: network to fill, in place.
        path: state dict, or checkpoint that holds one under ``network``; ``None`` for none.
        parts: names of submodules, each with the prefix of its keys in the file: ``{"encoder": "encoder."}``.
        any_channels: allow another number of modalities, see :func:`load_encoder_weights`.

    Raises:
        InputError: the file can't be read, or holds weights of another architecture.

    Example:
        >>> network = nn.Sequential(nn.Linear(2, 1))
        >>> load_parts(network, None, {"0": "head."}) is network
        True
    """
    load = load_encoder_weights if any_channels else load_weights
    for name, prefix in parts.items():
        load(network.get_submodule(name), path, prefix)
    return network
