"""From a batch of the loader to what network and loss take."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from monai.data import MetaTensor
from monai.engines import PrepareBatch

__all__ = ["PrepareImage", "PrepareViews"]


class PrepareImage(PrepareBatch):
    """Move ``image`` and ``label`` to the device, augmenting the image there.

    Args:
        augment: function from a batch ``B[C]HWD`` of floats to its random variant; ``None`` for no augmentation.
        memory_format: layout of the image in memory; convolutions run fastest in ``torch.channels_last_3d``.
    """

    def __init__(
        self,
        augment: Callable[[torch.Tensor], torch.Tensor] | None = None,
        memory_format: torch.memory_format = torch.contiguous_format,
    ) -> None:
        self.augment = augment
        self.memory_format = memory_format

    def __call__(
        self,
        batchdata: dict[str, Any],
        device: str | torch.device | None = None,
        non_blocking: bool = False,
        **kwargs: Any,
    ) -> tuple[torch.Tensor, torch.Tensor | None]:
        """``(image, label)`` for a classifier."""
        image = self._image(batchdata, device, non_blocking)
        label = batchdata.get("label")
        return self._view(image), None if label is None else label.to(device, non_blocking=non_blocking)

    def _image(self, batchdata: dict[str, Any], device: str | torch.device | None, non_blocking: bool) -> torch.Tensor:
        image = batchdata["image"]
        if isinstance(image, MetaTensor):
            image = image.as_tensor()
        return image.to(device, non_blocking=non_blocking).float()  # float16 storage halves the copy

    def _view(self, image: torch.Tensor) -> torch.Tensor:
        view = image if self.augment is None else self.augment(image)
        return view.contiguous(memory_format=self.memory_format)


class PrepareViews(PrepareImage):
    """Two random views of each image, and the weights that RE gave.

    "Each image x in the batch X is randomly augmented into two images" (paper 003, section 2), after the RE/SE handler
    has chosen, in batch, on the device.
    """

    def __call__(
        self,
        batchdata: dict[str, Any],
        device: str | torch.device | None = None,
        non_blocking: bool = False,
        **kwargs: Any,
    ) -> tuple[list[torch.Tensor], torch.Tensor | None]:
        """``([x1, x2], weights)`` for a Siamese network and its loss."""
        image = self._image(batchdata, device, non_blocking)
        weight = batchdata.get("weight")
        views = [self._view(image), self._view(image)]
        return views, None if weight is None else weight.to(device, non_blocking=non_blocking)
