"""Models Genesis' non-linear transformation of intensities."""

from __future__ import annotations

import torch

from .base import BatchRandTransform, check_value_range, column_to
from .draw import fill_range

__all__ = ["BatchRandBezier", "bezier_table"]

_POINTS = 1024  # of the curve, which is linear between them
_HALVINGS = 30  # of the interval that contains a curve's parameter


class BatchRandBezier(BatchRandTransform):
    """A monotonic function of the intensities, a different cubic Bezier curve for each image (Zhou et al. 2019, 2.1).

    "Bezier curve [...] generated from two end points (P0 and P3) and two control points (P1 and P2)": the end points
    are the corners of the range, the control points uniform within it, and half of the curves go down ("randomly
    flipped"), which turns intensities upside down.

    Args:
        prob: probability for each image.
        value_range: ``[low, high]`` of intensities, before and after; values beyond are cut.

    Raises:
        InputError: a range is reversed or impossible.
    """

    def __init__(self, prob: float = 0.9, value_range: tuple[float, float] = (0.0, 1.0)) -> None:
        super().__init__(prob)
        self.value_range = check_value_range(self, value_range)

    def num_parameters(self, spatial_dims: int) -> int:
        """Two control points and the direction."""
        return 5

    def apply(self, rows: torch.Tensor, uniform: torch.Tensor) -> torch.Tensor:
        """See :class:`BatchRandTransform`."""
        low, high = self.value_range
        table = column_to(fill_range(bezier_table(uniform), self.value_range).float(), rows)  # n x points
        table = torch.cat([table, table[:, -1:]], dim=1).flatten()  # a neighbour for the last point too
        first = torch.arange(len(rows), device=rows.device).view(-1, *[1] * (rows.ndim - 1)) * (_POINTS + 1)
        place = rows.clamp_(low, high).sub_(low).mul_((_POINTS - 1) / (high - low))
        below = place.long()
        place.sub_(below)
        below.add_(first)
        return rows.copy_(table[below].lerp_(table[below + 1], place))


def bezier_table(uniform: torch.Tensor, points: int = _POINTS) -> torch.Tensor:
    """Curves of a range as tables.

    Both coordinates grow with the curve's parameter t wherever the control points lie in the unit square, so that for
    each x there is one t, which halving the interval finds.

    Args:
        uniform: ``[n, 5]`` in [0, 1): ``x1, y1, x2, y2`` of the control points, and the direction: below 0.5 the curve
            goes down, from (0, 1) to (1, 0), else up.
        points: number of points of each table, at equal distances from 0 to 1.

    Returns:
        Values in [0, 1], ``[n, points]``.
    """
    x1, y1, x2, y2, direction = uniform[:, :, None].unbind(1)  # n x 1
    x = torch.linspace(0, 1, points, dtype=uniform.dtype)
    low = torch.zeros(len(uniform), points, dtype=uniform.dtype)
    high = torch.ones_like(low)
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        left = _cubic(middle, 0.0, x1, x2, 1.0) < x
        low, high = torch.where(left, middle, low), torch.where(left, high, middle)
    start = (direction < 0.5).to(uniform.dtype)
    return _cubic((low + high) / 2, start, y1, y2, 1 - start).clamp_(0, 1)


def _cubic(
    t: torch.Tensor, p0: torch.Tensor | float, p1: torch.Tensor, p2: torch.Tensor, p3: torch.Tensor | float
) -> torch.Tensor:
    """``(1 - t)^3 p0 + 3 (1 - t)^2 t p1 + 3 (1 - t) t^2 p2 + t^3 p3``."""
    return (1 - t) ** 3 * p0 + 3 * (1 - t) ** 2 * t * p1 + 3 * (1 - t) * t**2 * p2 + t**3 * p3
