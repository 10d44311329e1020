"""Denoising autoencoder, a pretext task for comparison."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import nn
from torch.nn.functional import interpolate

from .interfaces import FeatureMapEncoder
from .pretext import RestorationOutput, watched_features

__all__ = ["DenoisingAutoencoder"]


class DenoisingAutoencoder(nn.Module):
    """Restore the clean image from a corrupted one (Vincent et al. 2008; Zhao and Yang 2021, Table 1).

    The corruption is :class:`~common.engines.PrepareRestoration`'s, the loss :class:`~common.losses.RestorationLoss`.
    The decoder (**ours**; Vincent's is one layer with the encoder's weights transposed) doubles the feature map once in
    each layer and the last layer resizes it to the image: bilinear, 3x3 convolution, batch norm, ReLU.

    Args:
        encoder: network from ``B[C]HW`` to a feature map ``BKhw`` with attributes ``num_features`` (K) and
            ``in_channels`` (C); after training its weights are under ``encoder.``.
        channels: number of channels of each decoder layer.

    Shape:
        ``B[C]HW`` to a :class:`RestorationOutput` of ``B[C]HW``, in [0, 1].
    """

    def __init__(self, encoder: FeatureMapEncoder, channels: Sequence[int] = (256, 128, 64, 32)) -> None:
        super().__init__()
        self.encoder = encoder
        self.decoder = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(before, after, 3, padding=1, bias=False), nn.BatchNorm2d(after), nn.ReLU(inplace=True)
            )
            for before, after in pairwise([encoder.num_features, *channels])
        )
        self.head = nn.Conv2d(channels[-1], encoder.in_channels, 3, padding=1)

    def forward(self, x: torch.Tensor) -> RestorationOutput:
        """The clean image."""
        height, width = x.shape[2], x.shape[3]
        x = self.encoder(x)
        feature = watched_features(x)
        for layer in self.decoder:
            size = [min(2 * x.shape[2], height), min(2 * x.shape[3], width)]
            x = layer(interpolate(x, size=size, mode="bilinear", align_corners=False))
        x = interpolate(x, size=[height, width], mode="bilinear", align_corners=False)
        return RestorationOutput(self.head(x).float().sigmoid(), feature)
