"""The distortions that Models Genesis learns to undo."""

from __future__ import annotations

from .augment import BatchAugment
from .bezier import BatchRandBezier
from .local_shuffle import BatchRandLocalShuffle
from .painting import BatchRandPaint

__all__ = ["BatchModelsGenesis"]


class BatchModelsGenesis(BatchAugment):
    """Local shuffling, non-linear intensities, and in- or out-painting, in this order (Zhou et al. 2019, Fig. 1 and 2).

    Probabilities are those of the authors' code. "Outer-cutout and inner-cutout are mutually exclusive". Its flips, of
    distorted image and original alike, belong to ``augment`` of :class:`~common.engines.PrepareRestoration`.

    Args:
        shuffle: probability of local shuffling.
        nonlinear: probability of a non-linear transformation of intensities.
        paint: probability of painting.
        inpaint: probability, among the painted, of in-painting; the others are out-painted.
        num_windows: number of windows of local shuffling.
        value_range: ``[low, high]`` of intensities.

    Raises:
        InputError: a probability is not from 0 to 1, or a range is reversed.

    Example:
        >>> distort = BatchModelsGenesis()
        >>> distorted, original = distort(image), image  # image is in [0, 1] and not changed
    """

    def __init__(
        self,
        shuffle: float = 0.5,
        nonlinear: float = 0.9,
        paint: float = 0.9,
        inpaint: float = 0.2,
        num_windows: int = 10_000,
        value_range: tuple[float, float] = (0.0, 1.0),
    ) -> None:
        super().__init__(
            [
                BatchRandLocalShuffle(shuffle, num_windows),
                BatchRandBezier(nonlinear, value_range),
                BatchRandPaint(paint, inpaint, value_range),
            ]
        )
