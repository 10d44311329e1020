"""3D ResNet as an encoder of volumes and clips."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from monai.networks.nets.resnet import ResNet, resnet_params

from ..errors import InputError
from .small_maps import in_float_where_small

__all__ = ["VolumeResNet"]


class VolumeResNet(ResNet):
    """MONAI's 3D ResNet up to the global average pool ("3D ResNet-18 as backbone", Cao et al. 2022, experiments).

    Any size is valid, whole volumes as well as clips of few slices. Shortcuts have a 1x1 convolution (type B): type A,
    MONAI's default for ResNet-18, blocks the gradient there.

    Args:
        depth: number of layers, 10, 18, 34, 50, 101, 152 or 200.
        in_channels: number of modalities.
        channels: widths of the four stages.
        stem_stride: stride of the first convolution, for all axes or for each. **Ours**: 2, as the 2D ResNet has.

    Raises:
        InputError: the depth is unknown, or there are not four widths.

    Shape:
        ``B[C]HWD -> B[F]`` with ``F = num_features``, for ResNet-18 512.

    Example:
        >>> VolumeResNet(depth=18)(torch.rand(2, 1, 16, 64, 64)).shape
        torch.Size([2, 512])
    """

    def __init__(
        self,
        depth: int = 18,
        in_channels: int = 1,
        channels: Sequence[int] = (64, 128, 256, 512),
        stem_stride: int | Sequence[int] = 2,
    ) -> None:
        if f"resnet{depth}" not in resnet_params:
            known = ", ".join(name.removeprefix("resnet") for name in resnet_params)
            raise InputError(f"depth: {depth!r}; expected one of {known}; correct it")
        if len(channels) != 4:
            raise InputError(f"channels: found {list(channels)}; expected four widths, one for each stage; correct it")
        block, layers, *_ = resnet_params[f"resnet{depth}"]
        super().__init__(
            block,
            list(layers),
            list(channels),
            spatial_dims=3,
            n_input_channels=in_channels,
            conv1_t_stride=stem_stride if isinstance(stem_stride, int) else tuple(stem_stride),
            shortcut_type="B",
            feed_forward=False,
            bias_downsample=False,
        )
        expansion = self.in_planes // channels[-1]
        self.feature_channels = (channels[0], *(width * expansion for width in channels))
        self.num_features: int = self.feature_channels[-1]
        self.out_features: int = self.num_features  # for classifiers

    def feature_maps(self, x: torch.Tensor) -> list[torch.Tensor]:
        """The maps of the stem and of the four stages, the largest first; widths are ``feature_channels``."""
        if torch.jit.is_scripting():
            stem = self.act(self.bn1(self.conv1(x)))
            x1 = self.layer1(self.maxpool(stem))
            x2 = self.layer2(x1)
            x3 = self.layer3(x2)
            x4 = self.layer4(x3)
        else:
            stem = self.act(self.bn1(in_float_where_small(self.conv1, x)))
            x1 = in_float_where_small(self.layer1, self.maxpool(stem))
            x2 = in_float_where_small(self.layer2, x1)
            x3 = in_float_where_small(self.layer3, x2)
            x4 = in_float_where_small(self.layer4, x3)
        return [stem, x1, x2, x3, x4]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Features ``B[F]`` of volumes ``B[C]HWD``."""
        return self.avgpool(self.feature_maps(x)[-1]).flatten(1)
