"""ResNet as an encoder from 2D images to feature maps."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from monai.networks.nets.resnet import ResNet, get_inplanes, resnet_params
from torch import nn

from ..errors import InputError

__all__ = ["ResNetBackbone"]

_NARROW = 144  # pixels, below which four stages after the large stem leave less than 5 x 5 positions


class ResNetBackbone(ResNet):
    """The image encoder: "2D ResNet-50 is used to extract deep features from each tumor area" (Zhao and Yang 2021,
    section 2.3).

    MONAI's ResNet up to the last convolutions, without pooling and classifier, with torchvision's shortcuts and names
    for :func:`~common.networks.load_imagenet_weights`. Slices of a volume are the channels of one image: "we resize
    these tumor slices to 10x64x64, and then send them to CNN as a whole" (section 3.1).

    Two stems (**ours**, the paper gives none). The large one, 7x7 of stride 2 and max pooling, is ResNet's for ImageNet
    and leaves 7x5 positions of 196x160 pixels, but 2x2 of 64x64. The small one, 3x3 of stride 1 without pooling, is
    ResNet's for CIFAR (He et al. 2016, section 4.2) and leaves 8x8 of 64x64.

    Args:
        depth: number of layers, 18, 34, 50, 101, 152 or 200.
        in_channels: number of channels of the image; 10 for ten slices.
        small_stem: whether to use the small stem; ``None`` uses it for an ``image_size`` that is narrower than 144
            pixels.
        image_size: size of the images in pixels, which determines the stem.
        widen_factor: factor for all numbers of channels; 1 is ResNet, less is faster.

    Raises:
        InputError: the depth is unknown, or neither ``small_stem`` nor ``image_size`` is given.

    Shape:
        ``B[in_channels]HW -> BFhw`` with ``F = num_features``: 2048 for ResNet-50.

    Example:
        >>> ResNetBackbone(50, in_channels=10, image_size=(64, 64))(torch.rand(2, 10, 64, 64)).shape
        torch.Size([2, 2048, 8, 8])
    """

    __jit_unused_properties__ = ("layers",)

    def __init__(
        self,
        depth: int = 50,
        in_channels: int = 1,
        small_stem: bool | None = None,
        image_size: Sequence[int] | None = None,
        widen_factor: float = 1.0,
    ) -> None:
        if f"resnet{depth}" not in resnet_params:
            known = ", ".join(name.removeprefix("resnet") for name in resnet_params)
            raise InputError(f"depth: no ResNet-{depth}; expected one of {known}; correct it")
        if small_stem is None:
            if image_size is None:
                raise InputError("small_stem: null without image_size; expected one of the two; give image_size")
            small_stem = min(image_size) < _NARROW
        block, layers, *_ = resnet_params[f"resnet{depth}"]
        super().__init__(
            block=block,
            layers=layers,
            block_inplanes=get_inplanes(),
            spatial_dims=2,
            n_input_channels=in_channels,
            conv1_t_size=3 if small_stem else 7,
            conv1_t_stride=1 if small_stem else 2,
            no_max_pool=small_stem,
            shortcut_type="B",
            widen_factor=widen_factor,
            feed_forward=False,
            bias_downsample=False,  # as torchvision's: a batch norm follows
        )
        del self.avgpool, self.fc
        self.in_channels = in_channels
        self.small_stem = small_stem
        self.num_features: int = self.in_planes

    @property
    def layers(self) -> list[tuple[nn.Module, ...]]:
        """Stem and the four groups of blocks."""
        return [(self.conv1, self.bn1), (self.layer1,), (self.layer2,), (self.layer3,), (self.layer4,)]

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The last feature map."""
        x = self.act(self.bn1(self.conv1(x)))
        if not self.no_max_pool:
            x = self.maxpool(x)
        return self.layer4(self.layer3(self.layer2(self.layer1(x))))
