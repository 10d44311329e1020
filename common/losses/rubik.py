"""The loss of Rubik's cube."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

if TYPE_CHECKING:
    from ..networks.pretext import RubikOutput
    from ..transforms.rubik import RubikMoves

__all__ = ["RubikLoss"]


class RubikLoss(nn.Module):
    """``L = a L_permutation + b L_rotation``: cross-entropy of the order and binary cross-entropy of the rotations.

    Zhuang et al. 2019, section 2.2, find "equal weights" best.

    Args:
        order_weight: weight a of the order.
        rotation_weight: weight b of the rotations.

    Shape:
        a :class:`~common.networks.RubikOutput` and :class:`~common.transforms.RubikMoves` to a scalar.
    """

    def __init__(self, order_weight: float = 0.5, rotation_weight: float = 0.5) -> None:
        super().__init__()
        self.order_weight = order_weight
        self.rotation_weight = rotation_weight

    def forward(self, output: RubikOutput, moves: RubikMoves) -> torch.Tensor:
        """The weighted sum."""
        order = cross_entropy(output.order, moves.order)
        rotation = binary_cross_entropy_with_logits(output.turned, moves.turned.to(output.turned))
        return self.order_weight * order + self.rotation_weight * rotation

    def chance(self, output: RubikOutput) -> float:
        """The loss where each permutation has the same score, and each rotation the probability 1/2."""
        return self.order_weight * math.log(output.order.shape[1]) + self.rotation_weight * math.log(2)
