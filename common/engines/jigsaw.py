"""Batches for jigsaw puzzles."""

from __future__ import annotations

from collections.abc import Callable

import torch

from ..transforms import JigsawTiles
from .prepare_batch import DeviceBatch, PrepareImage

__all__ = ["PrepareJigsaw"]


class PrepareJigsaw(PrepareImage):
    """Cut each image into shuffled tiles, on the device; the target is their permutation (Noroozi & Favaro 2016).

    Args:
        tiles: function that cuts and shuffles.
        augment: augmentation of the whole image before; ``None`` for no augmentation.
    """

    def __init__(self, tiles: JigsawTiles, augment: Callable[[torch.Tensor], torch.Tensor] | None = None) -> None:
        super().__init__(augment)
        self.tiles = tiles

    def _prepare(self, batch: DeviceBatch) -> tuple[torch.Tensor, torch.Tensor]:
        """``(tiles, permutation)``: ``B[T][C]hw`` and ``B``."""
        return self.tiles(self._view(batch.image()))
