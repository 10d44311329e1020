"""One of several transforms for each row."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from ..errors import InputError
from .base import BatchTransform
from .draw import check_range, rand_rows

__all__ = ["BatchOneOf"]


class BatchOneOf(BatchTransform):
    """At most one of the transforms for each row: MONAI's ``OneOf`` for a batch.

    Each row draws one transform, which then hits it with its own ``prob``. Sharpening what was just blurred would undo
    it: so Fig. 1 of Li et al. 2021, which has both in one group (II, appearance enhancement), is read as either-or.

    Args:
        transforms: transforms to choose from.
        weights: relative probability of each transform; equal by default.

    Raises:
        InputError: the numbers of weights and transforms differ, a weight is negative, or all are zero.
    """

    def __init__(self, transforms: Sequence[BatchTransform], weights: Sequence[float] | None = None) -> None:
        self.transforms = list(transforms)
        if weights is None:
            weights = [1.0] * len(self.transforms)
        if len(weights) != len(self.transforms) or not self.transforms:
            raise InputError(
                f"BatchOneOf: {len(self.transforms)} transforms with {len(weights)} weights; expected at least one "
                "transform, and one weight for each"
            )
        for weight in weights:
            check_range(self, "weights", [weight, weight], minimum=0)
        if not sum(weights):
            raise InputError(f"BatchOneOf: weights is {list(weights)!r}; expected at least one above 0")
        self.limits = torch.tensor(weights, dtype=torch.float64).cumsum(0) / sum(weights)

    def __call__(self, image: torch.Tensor, inplace: bool = False, among: torch.Tensor | None = None) -> torch.Tensor:
        """See :class:`BatchTransform`."""
        choice = (rand_rows(image.shape[0], 1) >= self.limits[:-1]).sum(1)
        view = image
        for position, transform in enumerate(self.transforms):
            chosen = choice == position if among is None else (choice == position) & among
            view = transform(view, inplace=inplace or view is not image, among=chosen)
        return view
