"""Batches of images and radiomics for a hybrid network and its loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from ..errors import InputError
from .prepare_batch import DeviceBatch, PrepareImage

__all__ = ["PrepareImageAndRadiomics"]

_TARGETS = ("index", "label")


class PrepareImageAndRadiomics(PrepareImage):
    """Move ``image`` and ``radiomics`` to the device, augmenting the image there; MONAI's engines then call
    ``network(image, radiomics)``.

    Args:
        augment: function from a batch ``B[C]HW`` of floats to its random variant; ``None`` for no augmentation.
        memory_format: layout of the image in memory.
        target: second argument of the loss: ``index``, the sample's row in the memory bank, for pre-training, or
            ``label``, which may be missing if nothing is trained.

    Raises:
        InputError: the target is unknown, or a batch lacks ``radiomics`` or ``index``.
    """

    def __init__(
        self,
        augment: Callable[[torch.Tensor], torch.Tensor] | None = None,
        memory_format: torch.memory_format = torch.contiguous_format,
        target: str = "index",
    ) -> None:
        super().__init__(augment, memory_format)
        if target not in _TARGETS:
            raise InputError(f"target: {target!r}; expected one of {', '.join(_TARGETS)}; correct it")
        self.target = target

    def _prepare(
        self, batch: DeviceBatch
    ) -> tuple[torch.Tensor, torch.Tensor | None, tuple[torch.Tensor], dict[str, Any]]:
        """``(image, target, (radiomics,), {})``."""
        required = ["radiomics", *(["index"] if self.target == "index" else [])]
        if missing := [key for key in required if key not in batch.data]:
            raise InputError(
                f"PrepareImageAndRadiomics: a batch without {' and '.join(missing)}, only {', '.join(batch.data)}; "
                "attach radiomics to the datalist's rows and keep both keys in the preprocessing"
            )
        return self._view(batch.image()), batch.tensor(self.target), (batch.image("radiomics"),), {}
