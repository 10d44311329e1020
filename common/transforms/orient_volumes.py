"""Canonical orientation of volumes; slices are unchanged."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

from monai.transforms import Orientationd

__all__ = ["OrientVolumesd"]


class OrientVolumesd(Orientationd):
    """MONAI's ``Orientationd`` for cohorts of volumes and slices: 2D images, ``[C]HW``, are unchanged.

    A slice's two axes do not determine its plane, so MONAI can't reorient it to three axis codes; it warns about each,
    or fails on planes that are not transverse. Takes the arguments of ``Orientationd``.
    """

    def __call__(self, data: Mapping[Hashable, Any], lazy: bool | None = None) -> dict[Hashable, Any]:
        """The row with reoriented volumes, ``[C]HWD``."""
        row = dict(data)
        for key in self.key_iterator(row):
            if row[key].ndim == 4:
                row[key] = self.ornt_transform(row[key], lazy=self.lazy if lazy is None else lazy)
        return row
