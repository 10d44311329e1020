"""Rubik's cube, a pretext task for comparison."""

from __future__ import annotations

import torch
from torch import nn

from ..errors import InputError
from .interfaces import VectorEncoder
from .pretext import RubikOutput

__all__ = ["RubikNetwork"]


class RubikNetwork(nn.Module):
    """Predict how the eight cubes of a volume were shuffled and turned ("Rubik's cube", Li et al. 2021, Table 2).

    "A Siamese network with M (the number of cubes) sub-networks, which share the same weights"; features of all cubes
    go to a classifier of the order and each cube's to one of its rotations (Zhuang et al. 2019, Fig. 2). The encoder is
    the one of all other rows ("trained by playing Rubik cubes to learn contextual information with a same encoder").
    Cubes and targets are :class:`~common.engines.PrepareRubik`'s, the loss :class:`~common.losses.RubikLoss`.

    Args:
        encoder: network from ``B[C]HWD`` to ``B[F]`` with the attribute ``out_features``, F; after training its weights
            are under ``encoder.``.
        num_permutations: number of permutations.
        hidden_features: width of the layer that combines all cubes. **Ours**.

    Raises:
        InputError: in ``forward``, the number of cubes is not eight.

    Shape:
        ``B8[C]hwd`` to a :class:`RubikOutput`.
    """

    def __init__(self, encoder: VectorEncoder, num_permutations: int = 100, hidden_features: int = 512) -> None:
        super().__init__()
        self.encoder = encoder
        self.order_head = nn.Sequential(
            nn.Linear(8 * encoder.out_features, hidden_features),
            nn.ReLU(inplace=True),
            nn.Linear(hidden_features, num_permutations),
        )
        self.rotation_head = nn.Linear(encoder.out_features, 2)

    def forward(self, cubes: torch.Tensor) -> RubikOutput:
        """Scores of orders and rotations."""
        if cubes.dim() != 6 or cubes.shape[1] != 8:
            raise InputError(
                f"cubes: shape {list(cubes.shape)}; expected [B, 8, C, h, w, d]; take PrepareRubik as prepare_batch"
            )
        features = self.encoder(cubes.flatten(0, 1)).unflatten(0, (-1, 8))  # B8F
        order, turned = self.order_head(features.flatten(1)).float(), self.rotation_head(features).float()
        return RubikOutput(order, turned, features.detach().float().mean(dim=1))
