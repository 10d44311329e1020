"""BYOL: an encoder and its slowly moving copy."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import nn

from .siamese import SiameseOutput

__all__ = ["MomentumSiameseNetwork", "MomentumSiameseOutput"]


class MomentumSiameseOutput(SiameseOutput):
    """As :class:`~common.networks.SiameseOutput`, but the online network is watched, not the lagging target."""

    @property
    def watched(self) -> tuple[torch.Tensor, torch.Tensor]:
        """The online network's prediction and the target of the other view."""
        return self.t1.detach(), self.r2


class MomentumSiameseNetwork(nn.Module):
    """BYOL: the online encoder and predictor learn to predict the output of a target encoder (Grill et al. 2020).

    The target starts as a copy of the encoder and gets no gradient; :class:`~common.handlers.MomentumUpdate` updates it
    after each step. Its batch norms are in training mode, as in BYOL.

    Args:
        encoder: network from ``B[C]HW`` to ``B[F]``, with projector and initial weights.
        predictor: network from ``B[F]`` to ``B[F]``.

    Shape:
        two views, each ``B[C]HW``, to a :class:`MomentumSiameseOutput` of four ``B[F]``.
    """

    def __init__(self, encoder: nn.Module, predictor: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.predictor = predictor
        self.target = copy.deepcopy(encoder).requires_grad_(False)

    def forward(self, views: Sequence[torch.Tensor]) -> SiameseOutput:
        """Predictions of the online branch and projections of the target for both views."""
        x1, x2 = views
        t1, t2 = self.predictor(self.encoder(x1)), self.predictor(self.encoder(x2))  # BxF
        with torch.no_grad():
            r1, r2 = self.target(x1), self.target(x2)  # BxF
        return MomentumSiameseOutput(t1, t2, r1, r2)
