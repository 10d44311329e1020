"""Batches of the loader for network and loss."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import torch
from monai.data import MetaTensor
from monai.engines import PrepareBatch

from ..errors import InputError

__all__ = ["DeviceBatch", "PrepareImage", "PrepareViews"]


class DeviceBatch:
    """A batch of the loader whose entries are moved to the device on access.

    Args:
        data: entries by key.
        device: device of the entries.
        non_blocking: whether copies may be asynchronous.
    """

    def __init__(self, data: Mapping[str, Any], device: str | torch.device | None, non_blocking: bool) -> None:
        self.data = data
        self._options = {"device": device, "non_blocking": non_blocking}

    def image(self, key: str = "image") -> torch.Tensor:
        """Images ``B[C]HWD`` as floats.

        Raises:
            InputError: the batch has no such key.
        """
        if key not in self.data:
            raise InputError(
                f"batch: no {key!r} among {', '.join(map(str, self.data))}; expected it in every row; add it to the "
                "preprocessing, a clip to views of RandSampleClipsd"
            )
        return self.entry(key).float()  # float16 storage halves the copy

    def tensor(self, key: str) -> torch.Tensor | None:
        """An entry, ``None`` if the batch does not have it."""
        return None if self.data.get(key) is None else self.entry(key)

    def entry(self, key: str) -> torch.Tensor:
        """An entry that the batch has."""
        value = self.data[key]
        if isinstance(value, MetaTensor):
            value = value.as_tensor()
        return value.to(**self._options)


class PrepareImage(PrepareBatch):
    """Move ``image`` and ``label`` to the device, augmenting the image there.

    Subclasses override ``_prepare`` with other inputs for network and loss.

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
    ) -> Any:
        """Inputs of the network and targets of the loss, as expected by MONAI's engines."""
        return self._prepare(DeviceBatch(batchdata, device, non_blocking))

    def _prepare(self, batch: DeviceBatch) -> Any:
        """``(image, label)`` for a classifier."""
        return self._view(batch.image()), batch.tensor("label")

    def _view(self, image: torch.Tensor) -> torch.Tensor:
        view = image if self.augment is None else self.augment(image)
        return view.contiguous(memory_format=self.memory_format)


class PrepareViews(PrepareImage):
    """Two random views of each image, and the weights of RE.

    "Each image x in the batch X is randomly augmented into two images" (Li et al. 2021, section 2), after the RE/SE
    handler has chosen, in batch, on the device.
    """

    def _prepare(self, batch: DeviceBatch) -> tuple[list[torch.Tensor], torch.Tensor | None]:
        """``([x1, x2], weights)`` for a Siamese network and its loss."""
        image = batch.image()
        views = [self._view(image), self._view(image)]
        return views, batch.tensor("weight")
