"""Models Genesis' local pixel shuffling."""

from __future__ import annotations

import math

import torch

from ..errors import InputError
from .base import BatchRandTransform

__all__ = ["BatchRandLocalShuffle", "shuffle_windows"]


class BatchRandLocalShuffle(BatchRandTransform):
    """Shuffle the voxels within many small windows (Zhou et al. 2019, 2.2).

    "Sampling a window of random size from a patch followed by shuffling the order of contained pixels"; texture goes,
    global structure stays. Figures are those of the authors' code: 10,000 windows, which may overlap, with edges from
    one voxel to a tenth of the axis. All windows are taken from the image as it was, and where they overlap the last
    one counts; here they are all done at once.

    Each image's windows are drawn from its own seed, as the noise of :class:`BatchRandGaussianNoise`.

    Args:
        prob: probability for each image.
        num_windows: number of windows per image.
        max_size: longest edge of a window, as a share of the axis.

    Raises:
        InputError: fewer windows than one, or a share that is not from 0 to 1.
    """

    def __init__(self, prob: float = 0.5, num_windows: int = 10_000, max_size: float = 0.1) -> None:
        super().__init__(prob)
        if num_windows < 1:
            raise InputError(f"BatchRandLocalShuffle: num_windows is {num_windows!r}; expected a whole number from 1")
        if not 0 < max_size <= 1:
            raise InputError(f"BatchRandLocalShuffle: max_size is {max_size!r}; expected a share above 0 and up to 1")
        self.num_windows = num_windows
        self.max_size = max_size

    def num_parameters(self, spatial_dims: int) -> int:
        """A seed."""
        return 1

    def apply(self, rows: torch.Tensor, uniform: torch.Tensor) -> torch.Tensor:
        """See :class:`BatchRandTransform`."""
        generator = torch.Generator(rows.device)
        shape = torch.tensor(rows.shape[2:], device=rows.device)
        longest = (shape * self.max_size).long().clamp(min=1)
        for row, (seed,) in zip(rows, uniform.tolist(), strict=True):
            generator.manual_seed(int(seed * 2**53))
            draws = torch.rand(2, self.num_windows, len(shape), generator=generator, device=rows.device)
            sizes = 1 + (draws[0] * longest).long().clamp(max=longest - 1)
            starts = (draws[1] * (shape - sizes + 1)).long().minimum(shape - sizes)
            keys = torch.rand(int(sizes.prod(1).sum()), generator=generator, device=rows.device, dtype=torch.float64)
            row.flatten(1).copy_(shuffle_windows(row.flatten(1), starts, sizes, row.shape[1:], keys))
        return rows


def shuffle_windows(
    image: torch.Tensor, starts: torch.Tensor, sizes: torch.Tensor, shape: torch.Size, keys: torch.Tensor
) -> torch.Tensor:
    """Shuffle the voxels within windows, all channels alike.

    Args:
        image: channels of flattened voxels, ``C x voxels``.
        starts: first voxel of each window, ``W x dims``.
        sizes: size of each window, ``W x dims``.
        shape: shape of the image, ``dims`` numbers.
        keys: a number in [0, 1) for each voxel of each window, by whose order they are shuffled.

    Returns:
        The same shape.
    """
    counts = sizes.prod(1)
    window = torch.arange(len(sizes), device=image.device).repeat_interleave(counts)
    offset = torch.arange(len(window), device=image.device) - (counts.cumsum(0) - counts)[window]  # within its window
    strides = torch.tensor([math.prod(shape[axis + 1 :]) for axis in range(len(shape))], device=image.device)
    target = (starts * strides).sum(1)[window]
    for axis in reversed(range(1, len(shape))):  # the offset as a place in the window, the last axis the fastest
        length = sizes[:, axis][window]
        rest = offset // length
        target += (offset - rest * length) * strides[axis]
        offset = rest
    target += offset * strides[0]
    source = target[(window + keys).argsort()]  # windows stay together, one after the other
    last = torch.full((image.shape[1],), -1, device=image.device)
    last.scatter_reduce_(0, target, torch.arange(len(target), device=image.device), "amax")
    taken = torch.where(last >= 0, source[last.clamp(min=0)], torch.arange(len(last), device=image.device))
    return image[:, taken]
