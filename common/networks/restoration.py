"""The network of Models Genesis."""

from __future__ import annotations

import torch
from torch import nn

from .interfaces import PyramidEncoder
from .pretext import RestorationOutput, watched_features
from .pretrained_unet import PretrainedUNet

__all__ = ["RestorationNetwork"]


class RestorationNetwork(nn.Module):
    """Models Genesis: an encoder-decoder restores the original of a distorted image (Zhou et al. 2019, section 2).

    "Trained to restore the original sub-volume by MSE loss"; as there, with a final sigmoid, for images in [0, 1].
    Only the encoder is transferred to other tasks here, as in the comparison of Cao et al. 2022, Tables 1 and 2.

    Args:
        encoder: network with ``feature_maps`` and ``feature_channels``, see :class:`~common.networks.PretrainedUNet`.
        out_channels: number of modalities.

    Shape:
        ``B[C]HWD`` to a :class:`RestorationOutput` of ``B[out_channels]HWD``, in [0, 1].
    """

    def __init__(self, encoder: PyramidEncoder, out_channels: int = 1) -> None:
        super().__init__()
        unet = PretrainedUNet(encoder, out_channels)
        self.encoder = unet.encoder
        self.decoder = unet.decoder

    def forward(self, x: torch.Tensor) -> RestorationOutput:
        """The restored images, in float32 also under autocast."""
        maps = self.encoder.feature_maps(x)
        return RestorationOutput(self.decoder(maps, x.shape[2:]).float().sigmoid(), watched_features(maps[-1]))
