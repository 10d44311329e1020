"""The contracting half of nnU-Net's residual U-Net as an encoder of volumes and clips."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

__all__ = ["ResidualUNetEncoder"]


class ResidualUNetEncoder(nn.Module):
    """Encoder of nnU-Net's residual presets (Isensee et al. 2024, "nnU-Net Revisited"), ResEnc-L by default.

    Modules have the names of nnU-Net's own, so that networks pre-trained by nnssl (Wald et al. 2025, "OpenMind") start
    it: :func:`~common.networks.load_volume_weights`. Blocks are those of ResNet-D (He et al. 2019): where a block
    halves its maps, its shortcut averages. Odd sizes are rounded up, so that any size is valid, also clips of few
    slices; in training the last map needs more than one voxel, as instance norm does.

    Args:
        in_channels: number of modalities.
        channels: widths of the stages from full size down.
        num_blocks: number of residual blocks of each stage.

    Shape:
        ``B[C]HWD -> B[F]`` with ``F = num_features``, the last of ``channels``.

    Example:
        >>> ResidualUNetEncoder(channels=(4, 8, 16), num_blocks=(1, 1, 2))(torch.rand(2, 1, 16, 32, 31)).shape
        torch.Size([2, 16])
    """

    def __init__(
        self,
        in_channels: int = 1,
        channels: Sequence[int] = (32, 64, 128, 256, 320, 320),
        num_blocks: Sequence[int] = (1, 3, 4, 6, 6, 6),
    ) -> None:
        super().__init__()
        self.feature_channels = tuple(channels)
        self.num_features: int = self.feature_channels[-1]
        self.out_features: int = self.num_features  # for classifiers
        self.stem = nn.ModuleDict({"convs": nn.Sequential(_Convolution(in_channels, channels[0], 3, bias=True))})
        before = [channels[0], *channels[:-1]]
        self.stages = nn.ModuleList(
            _Stage(before[place], width, number, stride=2 if place else 1)
            for place, (width, number) in enumerate(zip(channels, num_blocks, strict=True))
        )
        self.global_pool = nn.AdaptiveAvgPool3d(1)

    def feature_maps(self, x: torch.Tensor) -> list[torch.Tensor]:
        """The maps of all stages, the largest first; widths are ``feature_channels``."""
        maps: list[torch.Tensor] = []
        x = nn.functional.leaky_relu(self.stem["convs"](x))
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Features ``B[F]`` of volumes ``B[C]HWD``."""
        return self.global_pool(self.feature_maps(x)[-1]).flatten(1)


class _Convolution(nn.Module):
    """Convolution and instance norm."""

    def __init__(self, before: int, after: int, kernel_size: int, stride: int = 1, bias: bool = True) -> None:
        super().__init__()
        self.conv = nn.Conv3d(before, after, kernel_size, stride, padding=kernel_size // 2, bias=bias)
        self.norm = nn.InstanceNorm3d(after, affine=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.norm(self.conv(x))


class _Stage(nn.Module):
    """Residual blocks of one size, of which the first may halve the maps."""

    def __init__(self, before: int, after: int, number: int, stride: int) -> None:
        super().__init__()
        others = [_ResidualBlock(after, after) for _ in range(number - 1)]
        self.blocks = nn.Sequential(_ResidualBlock(before, after, stride), *others)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.blocks(x)


class _ResidualBlock(nn.Module):
    """Two convolutions, and a shortcut that averages and projects where it has to."""

    def __init__(self, before: int, after: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = _Convolution(before, after, 3, stride)
        self.conv2 = _Convolution(after, after, 3)
        pool = [_HalvingAverage()] if stride > 1 else []
        projection = [_Convolution(before, after, 1, bias=False)] if before != after else []
        self.skip = nn.Sequential(*pool, *projection)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        out = self.conv2(nn.functional.leaky_relu(self.conv1(x)))
        return nn.functional.leaky_relu(out + self.skip(x))


class _HalvingAverage(nn.Module):
    """Average of 2x2x2 voxels; of odd sizes, neighbours share a voxel, and an axis of a single voxel is kept."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        height, width, depth = x.shape[2], x.shape[3], x.shape[4]
        return nn.functional.adaptive_avg_pool3d(x, ((height + 1) // 2, (width + 1) // 2, (depth + 1) // 2))
