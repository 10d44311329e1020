"""Initialisation of a ResNet with ImageNet weights from a file."""

from __future__ import annotations

import logging
from pathlib import Path

import torch

from ..checkpoints import read_checkpoint
from .resnet import ResNetBackbone
from .weights import check_architecture

__all__ = ["load_resnet_weights"]

logger = logging.getLogger(__name__)
_STEM = ("conv1.", "bn1.")


def load_resnet_weights(encoder: ResNetBackbone, path: str | Path) -> ResNetBackbone:
    """:func:`~common.networks.load_imagenet_weights` for a ResNet; see there for layouts and stems.

    Args:
        encoder: network to fill, in place.
        path: path of a state dict written by ``torch.save``.

    Returns:
        The encoder.

    Raises:
        InputError: the file can't be read, or keys or shapes are another architecture's; the message lists them.
    """
    state = {key: value for key, value in read_checkpoint(path).items() if not _unused(key)}
    biases = [key for key in state if key.endswith("downsample.0.bias")]
    for key in biases:  # a batch norm follows: its mean takes the bias
        mean = key.replace("downsample.0.bias", "downsample.1.running_mean")
        if mean in state:
            state[mean] = state[mean] - state.pop(key)
    own = encoder.state_dict()
    expected = {key: value for key, value in own.items() if not _unused(key)}
    note = ""
    if "conv1.weight" in state:
        if encoder.small_stem and state["conv1.weight"].shape[2:] == (7, 7):
            note = "; its stem is the large one, ours the small one starts from random weights"
            state, expected = (
                {key: value for key, value in tensors.items() if not key.startswith(_STEM)}
                for tensors in (state, expected)
            )
        else:
            state["conv1.weight"] = _with_channels(state["conv1.weight"], encoder.in_channels)
    check_architecture(expected, state, encoder, path)
    encoder.load_state_dict(own | state)
    layout = "MONAI" if biases else "torchvision"
    logger.info(
        f"The encoder starts from ImageNet weights: {len(state)} tensors in {layout}'s layout from {path}{note}."
    )
    return encoder


def _unused(key: str) -> bool:
    """Keys of the classifier, and of counters that batch norms with constant momentum do not use."""
    return key.startswith("fc.") or key.endswith("num_batches_tracked")


def _with_channels(weight: torch.Tensor, channels: int) -> torch.Tensor:
    """The first convolution for another number of channels, with the same output for equal channels as the file's.

    For one channel this is the network on the image repeated to RGB.
    """
    if weight.shape[1] == channels:
        return weight
    return weight.sum(dim=1, keepdim=True).div(channels).repeat(1, channels, 1, 1)
