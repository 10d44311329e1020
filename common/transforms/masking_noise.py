"""The corruption of a denoising autoencoder."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from .base import BatchRandTransform
from .draw import check_range, fill_range

__all__ = ["BatchRandMaskingNoise"]


class BatchRandMaskingNoise(BatchRandTransform):
    """Force a random share of each image's values to 0 (Vincent et al. 2008, section 2.3).

    "For each input x, a fixed number nu * d of components are chosen at random, and their value is forced to 0, while
    the others are left untouched." Here each value is chosen independently with probability nu: at 31,360 values the
    number varies by about 1 %. The mask is drawn from a seed for each image, as in
    :class:`~common.transforms.BatchRandGaussianNoise`.

    Args:
        prob: probability for each image.
        fraction: ``[low, high]`` of nu. **Ours**: the paper tries 0, 0.1, 0.25 and 0.4.

    Raises:
        InputError: the range is reversed or not within [0, 1].
    """

    def __init__(self, prob: float = 1.0, fraction: Sequence[float] = (0.25, 0.25)) -> None:
        super().__init__(prob)
        self.fraction = check_range(self, "fraction", fraction, minimum=0, maximum=1)

    def num_parameters(self, spatial_dims: int) -> int:
        """Fraction and seed."""
        return 2

    def apply(self, rows: torch.Tensor, uniform: torch.Tensor) -> torch.Tensor:
        """See :class:`BatchRandTransform`."""
        generator = torch.Generator(rows.device)
        draws = torch.empty_like(rows[0])
        for row, (fraction, seed) in zip(rows, uniform.tolist(), strict=True):
            draws.uniform_(generator=generator.manual_seed(int(seed * 2**53)))
            row.masked_fill_(draws < fill_range(fraction, self.fraction), 0)
        return rows
