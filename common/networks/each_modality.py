"""Separate features of each modality, by one encoder."""

from __future__ import annotations

import torch
from torch import nn

__all__ = ["EachModality"]


class EachModality(nn.Module):
    """Encode every channel of an image separately, in one pass, for linear evaluation (Chiang et al. 2023, Table 1).

    Args:
        encoder: network from ``B[1]HW`` to ``B[F]``.

    Shape:
        ``BMHW -> BMF``.
    """

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The features."""
        return self.encoder(x.flatten(0, 1).unsqueeze(1)).unflatten(0, (-1, x.shape[1]))
