"""Models Genesis' in- and out-painting."""

from __future__ import annotations

import torch

from .base import BatchRandTransform, check_value_range
from .draw import check_fraction

__all__ = ["BatchRandPaint", "draw_boxes"]

_MARGIN = 3  # voxels that boxes keep from the image's edge, where the axis has room


class BatchRandPaint(BatchRandTransform):
    """Overwrite boxes of an image, or all but boxes, with noise (Zhou et al. 2019, 2.3 and 2.4).

    In-painting: up to five boxes of a sixth to a third of each axis are filled with noise of their own. Out-painting:
    all but one to five boxes is filled, which have from three to four sevenths of each axis less than the image.
    Another box comes with probability 0.95 each time, and all keep three voxels from the edge; these figures are those
    of the authors' code. Noise is uniform over the range of intensities.

    Each image's boxes and noise are drawn from its own seed, as the noise of :class:`BatchRandGaussianNoise`.

    Args:
        prob: probability for each image of being painted at all.
        inpaint: probability, among these, of in-painting; else it is out-painted.
        value_range: ``[low, high]`` of intensities.

    Raises:
        InputError: a probability is not from 0 to 1, or a range is reversed.
    """

    def __init__(self, prob: float = 0.9, inpaint: float = 0.2, value_range: tuple[float, float] = (0.0, 1.0)) -> None:
        super().__init__(prob)
        self.inpaint = check_fraction(self, "inpaint", inpaint)
        self.value_range = check_value_range(self, value_range)

    def num_parameters(self, spatial_dims: int) -> int:
        """In or out, a seed."""
        return 2

    def apply(self, rows: torch.Tensor, uniform: torch.Tensor) -> torch.Tensor:
        """See :class:`BatchRandTransform`."""
        low, high = self.value_range
        generator, drawer = torch.Generator(rows.device), torch.Generator()
        noise = torch.empty_like(rows[0])
        for row, (choice, seed) in zip(rows, uniform.tolist(), strict=True):
            inside = choice < self.inpaint
            boxes = draw_boxes(row.shape[1:], inside, drawer.manual_seed(int(seed * 2**53)))
            noise.uniform_(low, high, generator=generator.manual_seed(int(seed * 2**53)))
            painted = torch.full(row.shape[1:], not inside, device=row.device)
            for box in boxes:
                painted[box] = inside
            row.copy_(torch.where(painted, noise, row))
        return rows


def draw_boxes(shape: torch.Size, inside: bool, generator: torch.Generator) -> list[tuple[slice, ...]]:
    """Draw the boxes that are painted, or, for out-painting, kept.

    Args:
        shape: shape of the image.
        inside: whether to draw boxes for in-painting.
        generator: random number generator on the CPU.

    Returns:
        None to five boxes for in-painting, one to five for out-painting.
    """

    def number(low: int, high: int) -> int:
        """A random whole number, both ends included."""
        return int(torch.randint(low, high + 1, (), generator=generator))

    def box() -> tuple[slice, ...]:
        """A random box: small inside, large outside."""
        slices = []
        for length in shape:
            if inside:
                size = number(max(length // 6, 1), max(length // 3, 1))
            else:
                size = length - number(3 * length // 7, 4 * length // 7)
            margin = min(_MARGIN, (length - size) // 2)
            start = number(margin, length - size - margin)
            slices.append(slice(start, start + size))
        return tuple(slices)

    boxes = [] if inside else [box()]
    while len(boxes) < 5 and torch.rand((), generator=generator) < 0.95:
        boxes.append(box())
    return boxes
