"""Group II of Li et al. 2021, Fig. 1: appearance enhancement, that is sharpening or Gaussian blurring."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from .base import BatchRandTransform, check_value_range, column_to
from .blur import gaussian_blur
from .draw import check_range, fill_range

__all__ = ["BatchRandGaussianSharpen", "BatchRandGaussianSmooth"]


class BatchRandGaussianSmooth(BatchRandTransform):
    """Blur each image by a Gaussian of random width.

    Args:
        prob: probability for each image.
        sigma: ``[low, high]`` of the Gaussian's standard deviation in voxels. **Ours** (Li et al. 2021 give none):
            MONAI's.

    Raises:
        InputError: the range is reversed or negative.
    """

    overwrites = False

    def __init__(self, prob: float, sigma: Sequence[float] = (0.25, 1.5)) -> None:
        super().__init__(prob)
        self.sigma = check_range(self, "sigma", sigma, minimum=0)

    def num_parameters(self, spatial_dims: int) -> int:
        """One width for all axes."""
        return 1

    def apply(self, rows: torch.Tensor, uniform: torch.Tensor) -> torch.Tensor:
        """See :class:`BatchRandTransform`."""
        return gaussian_blur(rows, column_to(fill_range(uniform[:, 0], self.sigma).float(), rows))


class BatchRandGaussianSharpen(BatchRandTransform):
    """Unsharp masking: ``x + strength * (x - blur(x))``, cut to the range of intensities.

    Args:
        prob: probability for each image.
        strength: ``[low, high]`` of the factor. **Ours** (Li et al. 2021 give none).
        sigma: ``[low, high]`` of the blur's standard deviation in voxels. **Ours**: as MONAI's ``RandGaussianSharpen``.
        value_range: ``[low, high]`` of intensities; Li et al. 2021 rescale to [0, 255].

    Raises:
        InputError: a range is reversed or negative.
    """

    def __init__(
        self,
        prob: float,
        strength: Sequence[float] = (0.5, 2.0),
        sigma: Sequence[float] = (0.5, 1.0),
        value_range: Sequence[float] = (0.0, 255.0),
    ) -> None:
        super().__init__(prob)
        self.strength = check_range(self, "strength", strength, minimum=0)
        self.sigma = check_range(self, "sigma", sigma, minimum=0)
        self.value_range = check_value_range(self, value_range)

    def num_parameters(self, spatial_dims: int) -> int:
        """Width and strength."""
        return 2

    def apply(self, rows: torch.Tensor, uniform: torch.Tensor) -> torch.Tensor:
        """See :class:`BatchRandTransform`."""
        sigma, strength = uniform.unbind(1)
        columns = torch.stack([fill_range(sigma, self.sigma), fill_range(strength, self.strength)])
        sigma, strength = column_to(columns.float(), rows)
        blurred = gaussian_blur(rows, sigma)
        # x + a (x - b) is what lies 1 + a of the way from b to x
        sharp = torch.lerp(blurred, rows, 1 + strength.view(-1, *[1] * (rows.ndim - 1)), out=rows)
        return sharp.clamp_(*self.value_range)
