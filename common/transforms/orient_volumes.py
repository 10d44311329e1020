"""Volumes in a canonical orientation, slices as they are."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

from monai.transforms import Orientationd

__all__ = ["OrientVolumesd"]


class OrientVolumesd(Orientationd):
    """MONAI's ``Orientationd`` for cohorts of volumes and slices: 2D images, ``[C]HW``, pass as they are.

    A slice's two axes do not name its plane, so MONAI can't turn it to letters of three; it warns about each, or fails
    on planes that are not transverse. Takes the arguments of ``Orientationd``.
    """

    def __call__(self, data: Mapping[Hashable, Any], lazy: bool | None = None) -> dict[Hashable, Any]:
        """The row with its volumes, ``[C]HWD``, turned."""
        row = dict(data)
        for key in self.key_iterator(row):
            if row[key].ndim == 4:
                row[key] = self.ornt_transform(row[key], lazy=self.lazy if lazy is None else lazy)
        return row
