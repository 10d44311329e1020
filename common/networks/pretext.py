"""Outputs of pretext tasks, with the features that are watched."""

from __future__ import annotations

from typing import NamedTuple

import torch

__all__ = ["JigsawOutput", "RestorationOutput", "RubikOutput", "watched_features"]


class RestorationOutput(NamedTuple):
    """A restored image."""

    image: torch.Tensor  # B[C]HWD
    feature: torch.Tensor  # BxF, the encoder's, pooled, no gradient

    @property
    def watched(self) -> tuple[torch.Tensor, None]:
        """Features for :class:`~common.handlers.CollapseMonitor`, which makes the second view."""
        return self.feature, None


class JigsawOutput(NamedTuple):
    """Predicted order of the tiles."""

    order: torch.Tensor  # BxP, a score for each permutation
    feature: torch.Tensor  # BxF, the mean of the tiles' features, no gradient

    @property
    def watched(self) -> tuple[torch.Tensor, None]:
        """Features for :class:`~common.handlers.CollapseMonitor`, which makes the second view."""
        return self.feature, None


class RubikOutput(NamedTuple):
    """Predicted order and rotations of the cubes."""

    order: torch.Tensor  # BxP, a score for each permutation
    turned: torch.Tensor  # Bx8x2, logits of the two rotations of each cube
    feature: torch.Tensor  # BxF, the mean of the cubes' features, no gradient

    @property
    def watched(self) -> tuple[torch.Tensor, None]:
        """Features for :class:`~common.handlers.CollapseMonitor`, which makes the second view."""
        return self.feature, None


def watched_features(maps: torch.Tensor) -> torch.Tensor:
    """Mean over all places of feature maps ``BF...``, without gradient, in float32: ``BF``."""
    return maps.detach().flatten(2).float().mean(dim=2)
