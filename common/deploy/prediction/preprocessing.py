"""Preprocessing without MONAI's record of what was done to an image, which a classifier does not read."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from monai.data import get_track_meta, set_track_meta
from monai.transforms import Compose

__all__ = ["Preprocessing"]

# Transforms whose values do not depend on an image's geometry or history, of those that an archive may have.
_OF_VOXELS = {
    "BorderPadd",
    "ConcatItemsd",
    "CopyItemsd",
    "CropForegroundd",
    "DeleteItemsd",
    "EnsureTyped",
    "LabelToMaskd",
    "Lambda",
    "MaskIntensityd",
    "NormalizeIntensityd",
    "ResizeWithPadOrCropd",
    "Resized",
    "ScaleIntensityRangePercentilesd",
    "ScaleIntensityRanged",
    "ScaleIntensityd",
    "SelectItemsd",
    "SpatialPadd",
    "SplitDimd",
    "SqueezeDimd",
    "Transposed",
}

_ONE_AT_A_TIME = threading.RLock()  # an image that another thread loads now would lose its orientation


class Preprocessing(Compose):
    """The transforms of a ``Compose``, the last of which work on plain tensors, with the same values.

    For each operation on an image, MONAI copies its metadata and notes how to invert it, which takes up to half of the
    time of preprocessing. Once an image is oriented and resampled, nothing needs it. MONAI switches it off for the
    whole process, so threads prepare one image at a time, and must use no other transforms of MONAI meanwhile.

    Args:
        transforms: transforms of an archive, from a row of files to the network's input.
    """

    def __init__(self, transforms: Compose) -> None:
        super().__init__(transforms.transforms)
        names = [type(transform).__name__ for transform in self.transforms]
        self.plain_from = 1 + max((k for k, name in enumerate(names) if name not in _OF_VOXELS), default=-1)

    def __call__(self, input_: Any, start: int = 0, end: int | None = None, **options: Any) -> Any:
        """Apply the transforms from ``start`` up to, not including, ``end``."""
        last = len(self.transforms) if end is None else end
        middle = min(max(self.plain_from, start), last)
        with _ONE_AT_A_TIME:
            row = super().__call__(input_, start, middle, **options)
            with _plain_tensors():
                return super().__call__(row, middle, last, **options)


@contextmanager
def _plain_tensors() -> Iterator[None]:
    before = get_track_meta()
    set_track_meta(False)
    try:
        yield
    finally:
        set_track_meta(before)
