"""An image encoder with its projector."""

from __future__ import annotations

import torch
from torch import nn

from .interfaces import VectorEncoder

__all__ = ["ProjectedEncoder"]


class ProjectedEncoder(nn.Module):
    """``g(f(x))``: feature map, global average pool, projector (Chiang et al. 2023, Algorithm 1 and section 4.1.1).

    Args:
        encoder: network from ``B[C]HW`` to a feature map ``BFhw``, or, if it includes pooling, from images of any
            number of dimensions to ``B[F]``.
        projector: network from ``B[F]`` to ``B[out_features]``.

    Shape:
        ``B[C]HW -> B[out_features]``.
    """

    def __init__(self, encoder: nn.Module, projector: VectorEncoder) -> None:
        super().__init__()
        self.encoder = encoder
        self.global_pool = nn.AdaptiveAvgPool2d(1)
        self.projector = projector
        self.out_features = projector.out_features

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The projections of a batch of images."""
        features = self.encoder(x)
        if features.ndim > 2:
            features = self.global_pool(features).flatten(1)
        return self.projector(features)
