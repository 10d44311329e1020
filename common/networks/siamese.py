"""3DSiam: two views through one encoder."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import nn

__all__ = ["SiameseNetwork", "SiameseOutput"]


class SiameseOutput(NamedTuple):
    """Predictions and targets of two views, named as in the paper's Eq. 1 and 2."""

    t1: torch.Tensor  # p(E_a(x1)), BxF
    t2: torch.Tensor  # p(E_a(x2)), BxF
    r1: torch.Tensor  # E_f(x1), BxF, no gradient
    r2: torch.Tensor  # E_f(x2), BxF, no gradient


class SiameseNetwork(nn.Module):
    """Siamese network with shared weights and stop-gradient (paper 003, section 2; Chen & He 2021).

    "Before training, E_f is always updated to the weights of E_a": the frozen encoder is the active one with its output
    detached, so a step costs two encoder passes and not four.

    Args:
        encoder: network from ``B[C]HWD`` to ``B[F]``.
        predictor: network from ``B[F]`` to ``B[F]``.

    Shape:
        two views, each ``B[C]HWD``, to a :class:`SiameseOutput` of four ``B[F]``.
    """

    def __init__(self, encoder: nn.Module, predictor: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.predictor = predictor

    def forward(self, views: Sequence[torch.Tensor]) -> SiameseOutput:
        """Predictions and detached features of the two views."""
        x1, x2 = views
        z1, z2 = self.encoder(x1), self.encoder(x2)  # BxF
        t1, t2 = self.predictor(z1), self.predictor(z2)  # BxF
        return SiameseOutput(t1, t2, r1=z1.detach(), r2=z2.detach())
