"""Random mirroring."""

from __future__ import annotations

import torch

from ..errors import InputError
from .base import BatchRandTransform

__all__ = ["BatchRandFlip"]


class BatchRandFlip(BatchRandTransform):
    """Mirror each image along one axis, with a probability of its own: MONAI's ``RandFlip`` for a batch.

    Two of them, one for each axis, are the "horizontal and vertical flip" of Chiang et al. 2023, section 4.1.1.

    Args:
        prob: probability for each image.
        spatial_axis: axis of space, counted from 0.

    Raises:
        InputError: the axis is negative, or the batch has fewer.
    """

    overwrites = False

    def __init__(self, prob: float, spatial_axis: int = 0) -> None:
        super().__init__(prob)
        if spatial_axis not in (0, 1, 2):
            raise InputError(f"BatchRandFlip: spatial_axis is {spatial_axis!r}; expected 0, 1 or, of volumes, 2")
        self.spatial_axis = spatial_axis

    def num_parameters(self, spatial_dims: int) -> int:
        """None: an image is mirrored or it is not."""
        if self.spatial_axis >= spatial_dims:
            raise InputError(
                f"BatchRandFlip: spatial_axis is {self.spatial_axis}; the images have {spatial_dims} axes; lower it"
            )
        return 0

    def apply(self, rows: torch.Tensor, uniform: torch.Tensor) -> torch.Tensor:
        """See :class:`BatchRandTransform`."""
        return rows.flip(2 + self.spatial_axis)
