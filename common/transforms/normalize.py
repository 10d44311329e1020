"""Normalisation of each channel with given statistics."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from ..errors import InputError
from .base import BatchTransform, check_batch, column_to

__all__ = ["BatchNormalize", "check_statistics"]


class BatchNormalize(BatchTransform):
    """``(x - mean) / std`` for each channel; nothing is random, so validation uses it too.

    "Normalization is performed after the data augmentation" (Chiang et al. 2023, section 4.1.2): it is the last of a
    ``BatchAugment``.

    Args:
        mean: mean of each channel.
        std: standard deviation of each channel, above 0.

    Raises:
        InputError: the two have different lengths, a std is not above 0, or the batch has another number of channels.
    """

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        self.mean, self.std = check_statistics(self, mean, std)

    @torch.no_grad()
    def __call__(self, image: torch.Tensor, inplace: bool = False, among: torch.Tensor | None = None) -> torch.Tensor:
        """See :class:`BatchTransform`."""
        check_batch(self, image)
        if image.shape[1] != len(self.mean):
            raise InputError(
                f"BatchNormalize: the batch has {image.shape[1]} channels; expected {len(self.mean)}, one for each mean"
            )
        gain, offset = (1 / self.std).expand(len(image), -1), (-self.mean / self.std).expand(len(image), -1)
        if among is not None:
            gain, offset = torch.where(among[:, None], gain, 1), torch.where(among[:, None], offset, 0)
        columns = torch.stack([gain, offset]).float()
        gain, offset = column_to(columns, image).view(*columns.shape, *[1] * (image.ndim - 2))
        return torch.addcmul(offset, image, gain, out=image if inplace else None)


def check_statistics(owner: object, mean: Sequence[float], std: Sequence[float]) -> tuple[torch.Tensor, torch.Tensor]:
    """Means and standard deviations as float64 tensors of one length.

    Raises:
        InputError: they are not.
    """
    values = [*mean, *std]
    if len(mean) != len(std) or not mean or not all(math.isfinite(value) for value in values) or min(std) <= 0:
        raise InputError(
            f"{type(owner).__name__}: mean is {list(mean)}, std is {list(std)}; expected as many finite numbers each, "
            "one for each channel, the stds above 0"
        )
    return torch.tensor(mean, dtype=torch.float64), torch.tensor(std, dtype=torch.float64)
