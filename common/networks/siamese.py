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
    f1: torch.Tensor | None = None  # the encoder's features before a projector, BxF, no gradient
    f2: torch.Tensor | None = None

    @property
    def watched(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Features of the two views, which :class:`~common.handlers.CollapseMonitor` watches."""
        return self.features

    @property
    def features(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Features of the encoder for downstream tasks and for RE/SE."""
        return (self.r1, self.r2) if self.f1 is None or self.f2 is None else (self.f1, self.f2)


class SiameseNetwork(nn.Module):
    """Siamese network with shared weights and stop-gradient (Li et al. 2021, section 2; Chen & He 2021).

    "Before training, E_f is always updated to the weights of E_a": the frozen encoder is the active one with its output
    detached, so a step costs two encoder passes and not four.

    Args:
        encoder: network from ``B[C]HWD`` to ``B[F]``.
        predictor: network from ``B[F]`` to ``B[F]``.
        projector: network from ``B[F]`` to ``B[F]`` between encoder and predictor, such as
            :class:`~common.networks.SimSiamProjector`. The paper has none (``None``); without it the features for
            downstream tasks themselves become invariant and lose their rank.

    Shape:
        two views, each ``B[C]HWD``, to a :class:`SiameseOutput` of four ``B[F]``.
    """

    def __init__(self, encoder: nn.Module, predictor: nn.Module, projector: nn.Module | None = None) -> None:
        super().__init__()
        self.encoder = encoder
        self.predictor = predictor
        self.projector = projector if projector is not None else nn.Identity()

    def forward(self, views: Sequence[torch.Tensor]) -> SiameseOutput:
        """Predictions and detached features of the two views."""
        x1, x2 = views
        f1, f2 = self.encoder(x1), self.encoder(x2)  # BxF
        z1, z2 = self.projector(f1), self.projector(f2)  # BxF
        t1, t2 = self.predictor(z1), self.predictor(z2)  # BxF
        return SiameseOutput(t1, t2, z1.detach(), z2.detach(), f1.detach(), f2.detach())
