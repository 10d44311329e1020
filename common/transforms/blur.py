"""Gaussian blur with a different width for each image."""

from __future__ import annotations

import math

import torch

__all__ = ["blur_matrices", "gaussian_blur"]


def gaussian_blur(image: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
    """Blur each image by its own Gaussian, along all spatial axes; beyond the border its outermost voxels repeat.

    Each axis is one batched matrix product. At image sizes of up to some 200 this is faster than depthwise convolutions
    (two cores, 4x48^3: 2 ms against 6 ms): matrix products run at full speed, on GPUs too, and need no padding.

    Args:
        image: contiguous images, ``n[C]HW`` or ``n[C]HWD``.
        sigma: standard deviations in voxels, ``[n]``, on the image's device; 0 leaves the image unchanged.

    Returns:
        A new tensor of the image's shape.
    """
    channels, size = image.shape[1], image.shape[2:]
    matrices = {length: blur_matrices(sigma, length).repeat_interleave(channels, 0) for length in set(size)}
    blurred, spare = image, torch.empty_like(image)
    for length in reversed(size):  # the last axis is contracted and comes out first: after all, the order is as before
        lines = blurred.view(len(image) * channels, -1, length).mT
        torch.bmm(matrices[length], lines, out=spare.view(lines.shape))
        blurred, spare = spare, torch.empty_like(image) if blurred is image else blurred
    return blurred


def blur_matrices(sigma: torch.Tensor, length: int) -> torch.Tensor:
    """Matrix of the blur of one axis: row i holds the share of each voxel in voxel i's result.

    A share is the Gaussian's integral over the voxel (MONAI's ``gaussian_1d`` with ``approx="erf"``), so sigmas far
    below one voxel are right too. The outermost voxels take all that lies beyond them: the rows sum to 1.

    Args:
        sigma: standard deviations in voxels, ``[n]``.
        length: length of the axis.

    Returns:
        ``[n, length, length]``.
    """
    position = torch.arange(length, device=sigma.device)
    edges = torch.arange(length + 1, device=sigma.device) - 0.5
    edges[0], edges[-1] = -math.inf, math.inf
    distance = (edges - position[:, None]) / sigma.clamp(min=1e-3)[:, None, None]
    return torch.special.ndtr(distance).diff()
