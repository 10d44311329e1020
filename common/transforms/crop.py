"""Random crops, resized back."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from .affine import resample_affine
from .base import BatchRandTransform
from .draw import check_range, fill_range

__all__ = ["BatchRandResizedCrop"]


class BatchRandResizedCrop(BatchRandTransform):
    """Cut a random box out of each image and stretch it to the image's size, in one resampling.

    "Random crop" (Chiang et al. 2023, section 4.1.1), read as SimCLR's: a share of the area, an aspect ratio, a place,
    all uniform (the ratio on a logarithmic scale), as torchvision's ``RandomResizedCrop``. A side that would be longer
    than the image is cut to the image's, and the box lies anywhere inside, not only on whole pixels. So one draw serves
    every row, where torchvision tries up to ten times. Interpolation is (bi-, tri-)linear; the crop is never shrunk, so
    nothing aliases.

    Args:
        prob: probability for each image.
        scale: ``[low, high]`` of the box's share of the area (3D: volume). **Ours**: SimCLR's 0.08 would often
            leave no liver in the box.
        ratio: ``[low, high]`` of one side's share of its axis over another's.

    Raises:
        InputError: a range is reversed or impossible.
    """

    overwrites = False

    def __init__(
        self, prob: float, scale: Sequence[float] = (0.5, 1.0), ratio: Sequence[float] = (3 / 4, 4 / 3)
    ) -> None:
        super().__init__(prob)
        self.scale = check_range(self, "scale", scale, minimum=1e-4, maximum=1)
        self.ratio = check_range(self, "ratio", ratio, minimum=0.01, maximum=100)

    def num_parameters(self, spatial_dims: int) -> int:
        """Share of the area, each axis's ratio to the first, a place along each axis."""
        return 1 + (spatial_dims - 1) + spatial_dims

    def apply(self, rows: torch.Tensor, uniform: torch.Tensor) -> torch.Tensor:
        """See :class:`BatchRandTransform`."""
        dims = rows.ndim - 2
        sides, start = crop_boxes(uniform, dims, self.scale, self.ratio)
        size = torch.tensor(rows.shape[2:])
        matrices = torch.eye(dims + 1, dtype=sides.dtype).repeat(len(rows), 1, 1)
        matrices[:, :dims, :dims] = torch.diag_embed(sides)
        matrices[:, :dims, dims] = (start + sides / 2 - 0.5) * size  # from the image's centre to the box's
        return resample_affine(rows, matrices, "bilinear", "border")


def crop_boxes(
    uniform: torch.Tensor, dims: int, scale: tuple[float, float], ratio: tuple[float, float]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Random boxes inside the unit square or cube.

    Args:
        uniform: ``[n, 2 * dims]`` in [0, 1).
        dims: number of spatial dimensions.
        scale: range of the area of the crop.
        ratio: range of the ratio of its sides.

    Returns:
        Sides and lower corners, each ``[n, dims]``.
    """
    area, ratios, place = uniform.split([1, dims - 1, dims], dim=1)
    low, high = torch.tensor(ratio, dtype=uniform.dtype).log().tolist()
    lengths = torch.cat([torch.zeros_like(area), fill_range(ratios, (low, high))], dim=1)  # logarithms, up to a factor
    sides = (fill_range(area, scale).log() / dims + lengths - lengths.mean(1, keepdim=True)).exp().clamp(max=1)
    return sides, place * (1 - sides)
