"""Random numbers for the rows of a batch, and the ranges that they fill."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch

from ..errors import InputError

__all__ = ["check_fraction", "check_range", "fill_range", "rand_rows"]


def rand_rows(batch_size: int, columns: int) -> torch.Tensor:
    """Uniform random numbers in [0, 1) for this process's rows of the joined batch.

    They are drawn for the rows of all processes, and process ``r`` of ``W`` takes the rows ``r, r + W, ...``. As long
    as the CPU generators of all processes agree (same seed, same number of rows on each), W processes draw what one
    process draws for the joined batch, and their generators stay equal.

    Args:
        batch_size: number of rows on this process.
        columns: number of random numbers for each row.

    Returns:
        ``[batch_size, columns]``, float64 (53 random bits) on the CPU, from torch's global CPU generator, which
        checkpoints save.
    """
    import ignite.distributed as idist  # which prediction does not need

    rank, world_size = idist.get_rank(), idist.get_world_size()
    return torch.rand(batch_size * world_size, columns, dtype=torch.float64)[rank::world_size]


def fill_range(uniform: torch.Tensor, limits: tuple[float, float]) -> torch.Tensor:
    """Scale numbers in [0, 1) to ``limits``."""
    low, high = limits
    return low + (high - low) * uniform


def check_fraction(owner: object, field: str, value: float) -> float:
    """A number in [0, 1].

    Raises:
        InputError: it is not.
    """
    if not _is_number(value) or not 0 <= value <= 1:
        raise InputError(f"{type(owner).__name__}: {field} is {value!r}; expected a number from 0 to 1")
    return float(value)


def check_range(
    owner: object, field: str, value: float | Sequence[float], minimum: float = -math.inf, maximum: float = math.inf
) -> tuple[float, float]:
    """A range of numbers as (low, high).

    Args:
        owner: object with the field, for error messages.
        field: name of the field, for error messages.
        value: range ``[low, high]``, or one number ``v`` for ``[-v, v]``.
        minimum: smallest allowed number.
        maximum: largest allowed number.

    Raises:
        InputError: the range is not one or two finite numbers, is reversed, or exceeds minimum or maximum.
    """
    place = f"{type(owner).__name__}: {field} is {value!r}"
    limits = [-value, value] if isinstance(value, int | float) else value
    if not isinstance(limits, Sequence) or len(limits) != 2 or not all(_is_number(limit) for limit in limits):
        raise InputError(f"{place}; expected two finite numbers [low, high]")
    low, high = (float(limit) for limit in limits)
    if low > high:
        raise InputError(f"{place}, which is reversed; expected [low, high] with low <= high")
    if low < minimum or high > maximum:
        raise InputError(f"{place}; expected numbers from {minimum:g} to {maximum:g}")
    return low, high


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
