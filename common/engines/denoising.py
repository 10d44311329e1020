"""Batches for a denoising autoencoder."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from .prepare_batch import PrepareImage

__all__ = ["PrepareDenoising"]


class PrepareDenoising(PrepareImage):
    """Corrupt the image, on the device: the network gets the corrupted, the loss the clean one (Vincent et al. 2008).

    Args:
        corrupt: function from a batch ``B[C]HW`` of floats to its corrupted variant, such as
            :class:`~common.transforms.BatchRandMaskingNoise`.
        augment: before it, of the clean image too; ``None`` for no augmentation.
        memory_format: layout of the images in memory.
    """

    def __init__(
        self,
        corrupt: Callable[[torch.Tensor], torch.Tensor],
        augment: Callable[[torch.Tensor], torch.Tensor] | None = None,
        memory_format: torch.memory_format = torch.contiguous_format,
    ) -> None:
        super().__init__(augment, memory_format)
        self.corrupt = corrupt

    def __call__(
        self,
        batchdata: dict[str, Any],
        device: str | torch.device | None = None,
        non_blocking: bool = False,
        **kwargs: Any,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """``(corrupted, clean)``."""
        clean = self._view(self._image(batchdata, device, non_blocking))
        return self.corrupt(clean).contiguous(memory_format=self.memory_format), clean
