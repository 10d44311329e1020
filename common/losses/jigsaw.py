"""The loss of jigsaw puzzles."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn.functional import cross_entropy

if TYPE_CHECKING:
    from ..networks.pretext import JigsawOutput

__all__ = ["JigsawLoss"]


class JigsawLoss(nn.Module):
    """Cross-entropy of the permutation of the tiles (Noroozi & Favaro 2016).

    Shape:
        a :class:`~common.networks.JigsawOutput` and the permutations ``B`` to a scalar.
    """

    def forward(self, output: JigsawOutput, permutation: torch.Tensor) -> torch.Tensor:
        """The mean over the batch."""
        return cross_entropy(output.order, permutation)

    def chance(self, output: JigsawOutput) -> float:
        """The loss where each permutation has the same score."""
        return math.log(output.order.shape[1])
