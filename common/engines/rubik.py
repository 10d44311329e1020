"""Batches for Rubik's cube."""

from __future__ import annotations

from collections.abc import Callable

import torch

from ..transforms.rubik import RubikCubes, RubikMoves
from .prepare_batch import DeviceBatch, PrepareImage

__all__ = ["PrepareRubik"]


class PrepareRubik(PrepareImage):
    """Cut each volume into cubes, shuffled and turned, on the device; the target is the moves (Zhuang et al. 2019).

    Args:
        cubes: function that cuts, shuffles and turns.
        augment: augmentation of the whole volume before; ``None`` for no augmentation.
    """

    def __init__(self, cubes: RubikCubes, augment: Callable[[torch.Tensor], torch.Tensor] | None = None) -> None:
        super().__init__(augment)
        self.cubes = cubes

    def _prepare(self, batch: DeviceBatch) -> tuple[torch.Tensor, RubikMoves]:
        """``(cubes, moves)``: ``B8[C]hwd`` and the targets."""
        return self.cubes(self._view(batch.image()))
