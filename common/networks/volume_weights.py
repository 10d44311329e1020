"""Initialisation of a 3D encoder with weights that others have pre-trained."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..checkpoints import read_checkpoint
from ..errors import InputError
from .encoder_weights import with_channels
from .residual_unet_encoder import ResidualUNetEncoder
from .volume_resnet import VolumeResNet
from .weights import check_architecture, log_random_start

__all__ = ["load_volume_weights"]

logger = logging.getLogger(__name__)
_HEADS = ("conv_seg.", "fc.")
_STEM = "stem.convs.0.conv.weight"


def load_volume_weights(encoder: nn.Module, path: str | Path | None) -> nn.Module:
    """Load weights of MedicalNet or nnssl into an encoder; without a path, keep random weights, which is logged.

    Layouts are recognised by their keys, and heads and decoders are dropped. For a :class:`VolumeResNet`:

    - MedicalNet (Chen et al. 2019, "Med3D"), ``state_dict`` with ``module.conv1.weight`` and so on.
    - MONAI's 3D ResNet, the same without ``module.``, with or without biases in the shortcuts: a bias is subtracted
      from the mean of the batch norm behind it, and the network computes the same.

    MedicalNet's ResNet-18 and -34 have shortcuts without weights (type A): every second voxel, and zeros for further
    channels. Ours have a 1x1x1 convolution and a batch norm (type B), which start as exactly that function. MedicalNet
    dilates its last two stages instead of halving their maps; the weights are the same, the maps are coarser here.

    For a :class:`ResidualUNetEncoder`: nnssl (Wald et al. 2025) and nnU-Net, ``network_weights`` with
    ``encoder.stem.convs.0.conv.weight`` and so on, under any prefix.

    For another number of modalities than the file's one, the first convolution is shared out evenly
    (:func:`load_encoder_weights`).

    Args:
        encoder: network to fill, in place, of the file's depth and widths.
        path: path of a checkpoint written by ``torch.save``; ``None`` for none.

    Returns:
        The encoder.

    Raises:
        InputError: the encoder is neither of the two, the file can't be read, or it has another architecture.
    """
    if path is None:
        log_random_start(type(encoder).__name__, "file of weights")
        return encoder
    own = encoder.state_dict()
    if isinstance(encoder, VolumeResNet):
        state, first = _with_shortcuts(_resnet_tensors(read_checkpoint(path)), own), "conv1.weight"
    elif isinstance(encoder, ResidualUNetEncoder):
        state, first = _unet_tensors(read_checkpoint(path)), _STEM
    else:
        raise InputError(
            f"pretrained_weights: {path} for a {type(encoder).__name__}; expected a VolumeResNet for MedicalNet's "
            "weights, or a ResidualUNetEncoder for nnssl's; leave out the overlay unet.yaml, or take residual_unet.yaml"
        )
    if first in state:
        state[first] = with_channels(state[first], own[first], path)
    expected = {key: value for key, value in own.items() if not key.endswith("num_batches_tracked")}
    check_architecture(expected, state, encoder, path)
    encoder.load_state_dict(own | state)
    logger.info(f"{type(encoder).__name__} starts from {len(state)} tensors of {path}.")
    return encoder


def _unet_tensors(checkpoint: Mapping[str, Any]) -> dict[str, Any]:
    """Tensors of a residual U-Net's encoder; nnU-Net names each one twice."""
    state = checkpoint.get("network_weights", checkpoint)
    state = state if isinstance(state, Mapping) else {}
    prefix = next((key.removesuffix(_STEM) for key in state if str(key).endswith(_STEM)), "")
    parts = (f"{prefix}stem.", f"{prefix}stages.")
    return {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(parts) and ".all_modules." not in k}


def _resnet_tensors(checkpoint: Mapping[str, Any]) -> dict[str, Any]:
    """Tensors of the backbone under MONAI's names, without biases in the shortcuts."""
    state = checkpoint.get("state_dict", checkpoint)
    state = state if isinstance(state, Mapping) else {}
    state = {str(key).removeprefix("module."): value for key, value in state.items()}
    state = {k: v for k, v in state.items() if not (k.startswith(_HEADS) or k.endswith("num_batches_tracked"))}
    for key in [key for key in state if key.endswith("downsample.0.bias")]:
        mean = key.replace("downsample.0.bias", "downsample.1.running_mean")
        if mean in state:
            state[mean] = state[mean] - state.pop(key)
    return state


def _with_shortcuts(state: dict[str, Any], own: Mapping[str, torch.Tensor]) -> dict[str, Any]:
    """Shortcuts without weights as a convolution with ones on the diagonal, and a batch norm that changes nothing."""
    if any(".downsample." in key for key in state):
        return state
    neutral = {"weight": 1.0, "bias": 0.0, "running_mean": 0.0, "running_var": 1.0 - nn.BatchNorm3d(1).eps}
    for key, tensor in own.items():
        if key.endswith("downsample.0.weight"):
            first = torch.zeros_like(tensor)
            channels = torch.arange(tensor.shape[1])
            first[channels, channels] = 1.0
            state[key] = first
        elif ".downsample.1." in key and not key.endswith("num_batches_tracked"):
            state[key] = torch.full_like(tensor, neutral[key.rsplit(".", 1)[1]])
    return state
