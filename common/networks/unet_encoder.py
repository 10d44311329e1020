"""The contracting half of a U-Net as an encoder of volumes and clips."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from monai.networks.layers.factories import Pool
from monai.networks.nets.basic_unet import TwoConv
from torch import nn

from .encoder import ShrinkingMaxPool
from .small_maps import in_float_where_small

__all__ = ["UNetEncoder"]


class UNetEncoder(nn.Module):
    """3D U-Net encoder ("3D UNet-based encoder as backbone", Cao et al. 2022, experiments): two convolutions at each
    size, max-pooling between the sizes, and a global average pool at the end.

    The blocks are those of :class:`monai.networks.nets.BasicUNet`. :class:`~common.networks.PretrainedUNet` has this
    encoder as its first half. An axis of a single voxel is no longer halved, so that clips of few slices are valid.

    Args:
        in_channels: number of modalities.
        channels: widths of the stages from full size down. **Ours**.
        norm: MONAI's name of the normalisation, or name and arguments. **Ours**: batch norm; instance norm removes each
            channel's mean, which is the output of the global pool.
        act: MONAI's name of the activation, or name and arguments.

    Shape:
        ``B[C]HWD -> B[F]`` with ``F = num_features``, the last of ``channels``.

    Example:
        >>> UNetEncoder()(torch.rand(2, 1, 16, 64, 64)).shape
        torch.Size([2, 256])
    """

    def __init__(
        self,
        in_channels: int = 1,
        channels: Sequence[int] = (16, 32, 64, 128, 256),
        norm: str | Sequence = "batch",
        act: str | Sequence = ("leakyrelu", {"negative_slope": 0.1, "inplace": True}),
    ) -> None:
        super().__init__()
        self.feature_channels = tuple(channels)
        self.num_features: int = self.feature_channels[-1]
        self.out_features: int = self.num_features  # for classifiers
        norm, act = (value if isinstance(value, str) else tuple(value) for value in (norm, act))
        self.stages = nn.ModuleList(
            TwoConv(3, before, after, act, norm, bias=True) for before, after in pairwise((in_channels, *channels))
        )
        self.pool = ShrinkingMaxPool(3, kernel_size=2)
        self.global_pool = Pool[Pool.ADAPTIVEAVG, 3](1)

    def feature_maps(self, x: torch.Tensor) -> list[torch.Tensor]:
        """The maps of all stages, the largest first; widths are ``feature_channels``."""
        maps: list[torch.Tensor] = []
        for stage in self.stages:
            if len(maps) > 0:
                x = self.pool(x)
            if torch.jit.is_scripting():  # noqa: SIM108, TorchScript compiles only the branch that it takes
                x = stage(x)
            else:
                x = in_float_where_small(stage, x)
            maps.append(x)
        return maps

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Features ``B[F]`` of volumes ``B[C]HWD``."""
        return self.global_pool(self.feature_maps(x)[-1]).flatten(1)
