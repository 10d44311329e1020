"""Batches for networks that restore distorted images."""

from __future__ import annotations

from collections.abc import Callable

import torch

from .prepare_batch import DeviceBatch, PrepareImage

__all__ = ["PrepareRestoration"]


class PrepareRestoration(PrepareImage):
    """Distort the image on the device; the network gets the distorted image, the loss the original one.

    For a denoising autoencoder (Vincent et al. 2008) and Models Genesis (Zhou et al. 2021).

    Args:
        distort: function from a batch ``B[C]HWD`` of floats to its distorted variant, such as
            :class:`~common.transforms.BatchRandMaskingNoise` or :class:`~common.transforms.BatchModelsGenesis`.
        key: batch key of the image, clip or volume.
        augment: augmentation of the original before the distortion; ``None`` for none.
        memory_format: layout of the images in memory.
    """

    def __init__(
        self,
        distort: Callable[[torch.Tensor], torch.Tensor],
        key: str = "image",
        augment: Callable[[torch.Tensor], torch.Tensor] | None = None,
        memory_format: torch.memory_format = torch.contiguous_format,
    ) -> None:
        super().__init__(augment, memory_format)
        self.distort = distort
        self.key = key

    def _prepare(self, batch: DeviceBatch) -> tuple[torch.Tensor, torch.Tensor]:
        """``(distorted, original)`` for the network and :class:`~common.losses.RestorationLoss`."""
        original = self._view(batch.image(self.key))
        return self.distort(original).contiguous(memory_format=self.memory_format), original
