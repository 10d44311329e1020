"""Base classes of random transforms of a whole batch: choice of the rows, and ownership of memory."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence

import torch
from monai.transforms import Transform

from ..errors import InputError
from .draw import check_fraction, check_range, rand_rows

__all__ = ["BatchRandTransform", "BatchTransform", "check_value_range", "column_to"]


class BatchTransform(Transform, ABC):
    """Random variant of a batch of images, on the batch's device, without gradient."""

    @abstractmethod
    def __call__(self, image: torch.Tensor, inplace: bool = False, among: torch.Tensor | None = None) -> torch.Tensor:
        """Transform some rows.

        Args:
            image: batch ``B[C]HW`` or ``B[C]HWD``, float32; other types are to be converted before.
            inplace: whether the batch may be overwritten. If not, ``image`` is unchanged, and returned itself if no row
                is transformed.
            among: flags of the rows that may be transformed, ``B`` booleans on the CPU; all by default.

        Returns:
            Tensor of the same shape; rows that are not transformed are equal bit for bit.
        """


class BatchRandTransform(BatchTransform):
    """One random transform, applied to each row with probability ``prob`` and the row's own parameters.

    Numbers are drawn for every row, transformed or not, so that the random stream does not depend on the choice of
    rows. They are drawn on the CPU (see :func:`~.draw.rand_rows`), so the chosen rows are known without waiting for a
    GPU, and only these cost time.

    Args:
        prob: probability for each row, from 0 to 1.

    Raises:
        InputError: ``prob`` is not from 0 to 1.
    """

    overwrites = True  # whether apply() writes its result over its input

    def __init__(self, prob: float) -> None:
        self.prob = check_fraction(self, "prob", prob)

    @abstractmethod
    def num_parameters(self, spatial_dims: int) -> int:
        """Number of random numbers for one row, besides the one that decides whether it is transformed."""

    @abstractmethod
    def apply(self, rows: torch.Tensor, uniform: torch.Tensor) -> torch.Tensor:
        """Transform every row, in place or into a new tensor, see ``overwrites``.

        Args:
            rows: contiguous images, ``n[C]HW`` or ``n[C]HWD``.
            uniform: random numbers in [0, 1), ``[n, num_parameters]``, float64 on the CPU.
        """

    @torch.no_grad()
    def __call__(self, image: torch.Tensor, inplace: bool = False, among: torch.Tensor | None = None) -> torch.Tensor:
        """See :class:`BatchTransform`."""
        check_batch(self, image)
        draws = rand_rows(image.shape[0], 1 + self.num_parameters(image.ndim - 2))
        hit = draws[:, 0] < self.prob
        if among is not None:
            hit &= among
        if not hit.any():
            return image
        if not image.is_contiguous():
            image, inplace = image.contiguous(), True
        with torch.autocast(image.device.type, enabled=False):  # intensities stay float32
            if hit.all() and not self.overwrites:
                return self.apply(image, draws[:, 1:])
            view = image if inplace else image.clone()
            for start, end in _runs(hit):
                rows = view[start:end]
                result = self.apply(rows, draws[start:end, 1:])
                if result is not rows:
                    rows.copy_(result)
        return view


def _runs(hit: torch.Tensor) -> list[list[int]]:
    """Start and end of each run of chosen rows, which are contiguous in memory and need no copy."""
    return torch.diff(hit.float(), prepend=torch.zeros(1), append=torch.zeros(1)).nonzero().view(-1, 2).tolist()


def check_batch(owner: object, image: torch.Tensor) -> None:
    """Raise :class:`InputError` unless the batch is ``B[C]HW`` or ``B[C]HWD`` of float32."""
    if image.ndim not in (4, 5) or image.dtype != torch.float32:
        raise InputError(
            f"{type(owner).__name__}: the batch is {image.dtype} of shape {tuple(image.shape)}; expected torch.float32 "
            "of shape (B, C, H, W) or (B, C, H, W, D); convert it once before augmentation"
        )


def check_value_range(owner: object, value_range: Sequence[float]) -> tuple[float, float]:
    """The range of intensities as (low, high), low < high."""
    low, high = check_range(owner, "value_range", value_range)
    if low == high:
        raise InputError(
            f"{type(owner).__name__}: value_range is {value_range!r}; expected [low, high] with low < high"
        )
    return low, high


def column_to(column: torch.Tensor, image: torch.Tensor) -> torch.Tensor:
    """A small CPU tensor on the image's device, copied from pinned memory without waiting for the GPU."""
    if image.is_cuda:
        column = column.pin_memory()
    return column.to(image.device, non_blocking=True)
