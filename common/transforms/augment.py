"""Random transforms of a whole batch, one after the other."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from .base import BatchTransform

__all__ = ["BatchAugment"]


class BatchAugment(BatchTransform):
    """Batch transforms in sequence: MONAI's ``Compose`` with control over memory.

    The given batch is not changed, as the second view is made from it too. Once a transform has created a new tensor,
    all further ones work on it in place, instead of copying the batch each time.

    Args:
        transforms: transforms in the order in which they are applied.

    Example:
        >>> augment = BatchAugment([BatchRandAffine(prob=1.0), BatchRandAdjustContrast(prob=0.5)])
        >>> x1, x2 = augment(image), augment(image)  # two random views
    """

    def __init__(self, transforms: Sequence[BatchTransform]) -> None:
        self.transforms = list(transforms)

    def __call__(self, image: torch.Tensor, inplace: bool = False, among: torch.Tensor | None = None) -> torch.Tensor:
        """See :class:`BatchTransform`."""
        view = image
        for transform in self.transforms:
            view = transform(view, inplace=inplace or view is not image, among=among)
        return view
