"""Pre-trained weights for an encoder of other modalities."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..checkpoints import read_checkpoint
from .pretrained_unet import PretrainedUNet
from .weights import check_architecture, log_random_start, state_dict_in

__all__ = ["load_encoder_weights", "load_unet_weights", "with_channels"]

logger = logging.getLogger(__name__)


def load_encoder_weights(encoder: nn.Module, path: str | Path | None, prefix: str = "encoder.encoder.") -> nn.Module:
    """Load a pre-trained encoder and return it, also into one with another number of modalities.

    If the first convolution has another number of channels, the file's weights are averaged over channels and
    distributed evenly: equal modalities then give what the pre-trained encoder gives for one of them. Without a path,
    the random weights are kept, which is logged.

    Args:
        encoder: network to fill, in place.
        path: path of a state dict, or of a checkpoint with one under ``network``; ``None`` for none.
        prefix: prefix of the encoder's keys in the file; ``encoder.encoder.`` for the backbone of a network that has
            encoder and projector, ``encoder.`` for a :class:`~common.networks.RestorationNetwork`.

    Raises:
        InputError: the file can't be read, or keys or shapes are another architecture's; the message lists them.
    """
    if path is None:
        log_random_start(type(encoder).__name__, "checkpoint")
        return encoder
    state = state_dict_in(read_checkpoint(path))
    state = {key.removeprefix(prefix): value for key, value in state.items() if key.startswith(prefix)}
    first = next(name for name, parameter in encoder.named_parameters() if parameter.ndim > 2)
    if first in state:
        state[first] = with_channels(state[first], encoder.get_parameter(first), path)
    check_architecture(encoder.state_dict(), state, encoder, path)
    encoder.load_state_dict(state)
    logger.info(f"{type(encoder).__name__}: loaded {len(state)} tensors from {path}.")
    return encoder


def load_unet_weights(network: PretrainedUNet, path: str | Path | None, prefix: str = "encoder.") -> nn.Module:
    """Load a pre-trained encoder into a U-Net, and the decoder where the file has one, and return the U-Net.

    Models Genesis pre-trains both: "for the target segmentation tasks, the pre-trained encoder-decoder is fine-tuned"
    (Zhou et al. 2019, section 2). Only the decoder's last layer, which has other channels, starts at random.

    Args:
        network: U-Net to fill, in place.
        path: path of a state dict, or of a checkpoint with one under ``network``; ``None`` for none.
        prefix: prefix of ``encoder.`` and, after Models Genesis, of ``decoder.`` in the file's keys.

    Raises:
        InputError: as :func:`load_encoder_weights`.
    """
    load_encoder_weights(network.get_submodule("encoder"), path, prefix + "encoder.")
    if path is None:
        return network
    state, start = state_dict_in(read_checkpoint(path)), prefix + "decoder."
    found = {key.removeprefix(start): value for key, value in state.items() if key.startswith(start)}
    if found:
        expected = network.decoder.state_dict()
        last = {name: tensor for name, tensor in expected.items() if name.startswith("out.")}
        found = {name: tensor for name, tensor in found.items() if name not in last} | last
        check_architecture(expected, found, network.decoder, path)
        network.decoder.load_state_dict(found)
        logger.info(f"{type(network.decoder).__name__}: loaded {len(found) - len(last)} tensors from {path}.")
    return network


def with_channels(found: Any, expected: torch.Tensor, path: str | Path) -> Any:
    """The first convolution's weights for another number of input channels.

    Args:
        found: weights of the file, ``out x in x kernel``; something else is returned as it is.
        expected: weights of the network.
        path: path of the file, for the log.
    """
    if not isinstance(found, torch.Tensor) or found.ndim != expected.ndim:
        return found
    before, after = found.shape[1], expected.shape[1]
    if before == after:
        return found
    logger.info(f"{path}: the first convolution's {before} input channels were averaged for {after}.")
    return found.mean(dim=1, keepdim=True).repeat(1, after, *[1] * (found.ndim - 2)) * (before / after)
