"""A U-Net with a pre-trained encoder."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from monai.networks.nets.basic_unet import TwoConv
from torch import nn
from torch.nn.functional import interpolate

from .interfaces import PyramidEncoder
from .small_maps import in_float_where_small

__all__ = ["PretrainedUNet", "SkipDecoder"]


class SkipDecoder(nn.Module):
    """The expanding half of a U-Net, from the smallest map upwards, with the encoder's maps as skip connections.

    Maps are enlarged by trilinear interpolation to the size of the next one, for any strides; two convolutions then
    give them its width.

    Args:
        feature_channels: widths of the encoder's maps, the largest map first.
        out_channels: number of channels of the result.
        norm: normalisation layer, as for :class:`~common.networks.UNetEncoder`.
        act: activation, as for :class:`~common.networks.UNetEncoder`.

    Shape:
        maps, the largest first, ``B[F_i]hwd`` each, to ``B[out_channels]HWD`` of the given size.
    """

    def __init__(
        self,
        feature_channels: Sequence[int],
        out_channels: int,
        norm: str | Sequence = ("instance", {"affine": True}),
        act: str | Sequence = ("leakyrelu", {"negative_slope": 0.1, "inplace": True}),
    ) -> None:
        super().__init__()
        norm, act = (value if isinstance(value, str) else tuple(value) for value in (norm, act))
        upwards = list(reversed(feature_channels))
        self.stages = nn.ModuleList(
            TwoConv(3, below + skip, skip, act, norm, bias=True) for below, skip in pairwise(upwards)
        )
        self.out = nn.Conv3d(upwards[-1], out_channels, kernel_size=1)

    def forward(self, maps: list[torch.Tensor], size: list[int]) -> torch.Tensor:
        """The result at ``size``, to which the largest map is enlarged if the encoder's stem reduced it."""
        x = maps[-1]
        for number, stage in enumerate(self.stages):
            skip = maps[-2 - number]
            x = interpolate(x, skip.shape[2:], mode="trilinear", align_corners=False)
            x = torch.cat([skip, x], dim=1)
            if torch.jit.is_scripting():  # noqa: SIM108, TorchScript compiles only the branch that it takes
                x = stage(x)
            else:
                x = in_float_where_small(stage, x)
        x = self.out(x)
        if x.shape[2:] != size:
            x = interpolate(x, size, mode="trilinear", align_corners=False)
        return x


class PretrainedUNet(nn.Module):
    """A full U-Net with a pre-trained first half.

    "The backbone will be transferred to downstream tasks after pre-training" (Cao et al. 2022). The encoder has the
    same class as in pre-training, so its weights are loaded by their own names
    (:func:`~common.networks.load_encoder_weights`); only the decoder starts from random weights.

    Args:
        encoder: network with ``feature_maps`` and ``feature_channels``: :class:`~common.networks.UNetEncoder`,
            :class:`~common.networks.VolumeResNet` or :class:`~common.networks.ResidualUNetEncoder`, with as many
            channels as modalities.
        out_channels: number of classes including the background, or 1.
        norm: normalisation layer of the decoder, as for :class:`~common.networks.UNetEncoder`.

    Shape:
        ``B[C]HWD -> B[out_channels]HWD``, logits.

    Example:
        >>> PretrainedUNet(UNetEncoder(in_channels=3), out_channels=2)(torch.rand(1, 3, 32, 32, 32)).shape
        torch.Size([1, 2, 32, 32, 32])
    """

    def __init__(
        self, encoder: PyramidEncoder, out_channels: int, norm: str | Sequence = ("instance", {"affine": True})
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = SkipDecoder(encoder.feature_channels, out_channels, norm)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits ``B[out_channels]HWD`` of volumes ``B[C]HWD``."""
        return self.decoder(self.encoder.feature_maps(x), x.shape[2:])
