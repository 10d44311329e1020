"""Colour jitter of grey images: brightness and contrast."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from .base import BatchRandTransform, check_value_range, column_to
from .draw import check_range, fill_range

__all__ = ["BatchRandColorJitter"]


class BatchRandColorJitter(BatchRandTransform):
    """Brightness and contrast, ``((b x - m) c + m)`` with ``m`` the mean of ``b x``, cut to the range of intensities.

    "Color jitter" (Chiang et al. 2023, sections 4.1.1 and 4.1.2) is torchvision's: brightness and contrast; grey images
    have no hue or saturation. What is **ours**: the background (the lowest value, as masks and padding leave it) stays
    unchanged, and is left out of each channel's mean. Otherwise a masked image's background would become grey, in a
    shade that only depends on the liver's share of the image. Contrast follows brightness, with one clipping for both.

    Args:
        prob: probability for each image.
        brightness: ``[low, high]`` of the factor b, or ``v`` for ``[1 - v, 1 + v]``.
        contrast: ``[low, high]`` of the factor c, or ``v`` for ``[1 - v, 1 + v]``.
        value_range: ``[low, high]`` of intensities; low is the background.

    Raises:
        InputError: a range is reversed or negative.
    """

    def __init__(
        self,
        prob: float,
        brightness: float | Sequence[float] = 0.4,
        contrast: float | Sequence[float] = 0.4,
        value_range: Sequence[float] = (0.0, 1.0),
    ) -> None:
        super().__init__(prob)
        self.brightness = check_range(self, "brightness", _round_one(brightness), minimum=0)
        self.contrast = check_range(self, "contrast", _round_one(contrast), minimum=0)
        self.value_range = check_value_range(self, value_range)

    def num_parameters(self, spatial_dims: int) -> int:
        """Two factors."""
        return 2

    def apply(self, rows: torch.Tensor, uniform: torch.Tensor) -> torch.Tensor:
        """See :class:`BatchRandTransform`."""
        low, high = self.value_range
        brightness, contrast = uniform.unbind(1)
        factors = torch.stack([fill_range(brightness, self.brightness), fill_range(contrast, self.contrast)])
        brightness, contrast = column_to(factors.float(), rows).view(2, -1, *[1] * (rows.ndim - 1))
        axes = tuple(range(2, rows.ndim))
        rows = rows.sub_(low).clamp_(min=0)
        foreground = rows.sign()  # 0 or 1; counted by its sum, as counting is slow on CPUs
        mean = rows.sum(axes, keepdim=True) / foreground.sum(axes, keepdim=True).clamp_(min=1)
        offset = (1 - contrast) * brightness * mean
        rows = rows.mul_(contrast * brightness).addcmul_(foreground, offset)
        return rows.clamp_(0, high - low).add_(low)


def _round_one(value: float | Sequence[float]) -> float | Sequence[float]:
    """torchvision's way to write a range of factors: one number is the distance from 1."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return [max(0.0, 1.0 - value), 1.0 + value]
    return value
