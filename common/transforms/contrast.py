"""Group III of Li et al. 2021, Fig. 1: contrast change."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F

from .base import BatchRandTransform, check_value_range, column_to
from .draw import check_range, fill_range

__all__ = ["BatchRandAdjustContrast"]

_TINY = torch.finfo(torch.float32).tiny


class BatchRandAdjustContrast(BatchRandTransform):
    """Gamma correction, ``low + range * ((x - low) / range) ** gamma``.

    "Gamma contrast adjustment between [0.7, 1.5]" (Li et al. 2021, section 3), with intensities rescaled to [0, 255]
    before. Unlike in MONAI's ``RandAdjustContrast``, the range is given and not each image's own: no pass to find it.

    Args:
        prob: probability for each image.
        gamma: ``[low, high]`` of the exponent; above 1 the image darkens.
        value_range: ``[low, high]`` of intensities; values beyond are cut.

    Raises:
        InputError: a range is reversed or impossible.
    """

    def __init__(
        self, prob: float, gamma: Sequence[float] = (0.7, 1.5), value_range: Sequence[float] = (0.0, 255.0)
    ) -> None:
        super().__init__(prob)
        self.gamma = check_range(self, "gamma", gamma, minimum=0.01, maximum=100)
        self.value_range = check_value_range(self, value_range)

    def num_parameters(self, spatial_dims: int) -> int:
        """One exponent."""
        return 1

    def apply(self, rows: torch.Tensor, uniform: torch.Tensor) -> torch.Tensor:
        """See :class:`BatchRandTransform`."""
        low, high = self.value_range
        gamma = fill_range(uniform, self.gamma)
        columns = torch.stack([gamma, (1 - gamma) * math.log2(high - low)]).view(2, -1, *[1] * (rows.ndim - 1))
        gamma, offset = column_to(columns.float(), rows)
        # range * (x / range) ** gamma as a power of two: pow takes longer on CPUs, and so does log2(0) = -inf, eight
        # times as long as others: it is put in place of the smallest number's, and becomes 0 again
        logs = rows.clamp_(low, high).sub_(low).clamp_(min=_TINY).log2_()
        rows = F.threshold(logs, math.log2(_TINY), -math.inf, inplace=True).mul_(gamma).add_(offset).exp2_()
        return rows.add_(low).clamp_(max=high)
