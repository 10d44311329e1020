"""Jigsaw puzzles, a pretext task for comparison."""

from __future__ import annotations

import torch
from torch import nn

from ..errors import InputError
from .interfaces import FeatureMapEncoder
from .pretext import JigsawOutput

__all__ = ["JigsawNetwork"]


class JigsawNetwork(nn.Module):
    """Predict the permutation of an image's tiles (Noroozi & Favaro 2016; Zhao and Yang 2021, Table 1).

    Their context-free network: the tiles are encoded separately by one encoder, and only the last layers combine them,
    so that the encoder must learn the parts and not the edges between them. Tiles and targets are
    :class:`~common.engines.PrepareJigsaw`'s, the loss :class:`~common.losses.JigsawLoss`.

    Args:
        encoder: network from ``B[C]hw`` to a feature map ``BKuv`` with attribute ``num_features`` (K); after training
            its weights are under ``encoder.``.
        grid: number of tiles along each axis.
        num_permutations: number of orders of the tiles, which is the number of classes.
        tile_features: length of a tile's vector. **Ours**, as ``hidden_features``: theirs, 1024 and 4096, are for
            1.3 million images.
        hidden_features: width of the layer that combines all tiles.
        dropout: probability of dropping a feature of the last layers in training.

    Raises:
        InputError: in ``forward``, the number of tiles is another.

    Shape:
        ``B[T][C]hw`` with ``T = grid * grid`` to a :class:`JigsawOutput`.
    """

    def __init__(
        self,
        encoder: FeatureMapEncoder,
        grid: int = 3,
        num_permutations: int = 100,
        tile_features: int = 128,
        hidden_features: int = 512,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.num_tiles = grid * grid
        self.global_pool = nn.AdaptiveAvgPool2d(1)
        self.tile_head = nn.Sequential(nn.Linear(encoder.num_features, tile_features), nn.ReLU(inplace=True))
        self.head = nn.Sequential(
            nn.Dropout(dropout),
            nn.Linear(self.num_tiles * tile_features, hidden_features),
            nn.ReLU(inplace=True),
            nn.Dropout(dropout),
            nn.Linear(hidden_features, num_permutations),
        )

    def forward(self, tiles: torch.Tensor) -> JigsawOutput:
        """A score for each permutation."""
        if tiles.dim() != 5 or tiles.shape[1] != self.num_tiles:
            raise InputError(
                f"grid: tiles of shape {list(tiles.shape)}; expected [B, {self.num_tiles}, C, h, w]; "
                "set the same grid for the network and for the tiles"
            )
        pooled = self.global_pool(self.encoder(tiles.flatten(0, 1))).flatten(1)  # [B*T]K
        features = self.tile_head(pooled)
        order = self.head(features.unflatten(0, (-1, self.num_tiles)).flatten(1)).float()
        return JigsawOutput(order, pooled.detach().float().unflatten(0, (-1, self.num_tiles)).mean(dim=1))
