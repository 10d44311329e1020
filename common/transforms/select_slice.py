"""One slice of a volume."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any

import numpy as np
import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapTransform

from ..errors import InputError

__all__ = ["SelectSliced", "largest_slice"]


class SelectSliced(MapTransform):
    """Take the slice with the largest mask area, or a given one, from each volume of a row; 2D images are unchanged.

    The slice is determined by the first of these that is available: ``index``, the row's ``index_key``, the mask. A
    volume of one slice needs none of them. Indices count from 0 along the axis of the given volume: after
    ``Orientationd`` to RAS, axis 2 counts from the feet upwards, independent of the file's order.

    The geometry is kept: the result's ``affine`` is 4x4, with the columns of the two remaining axes, that of the slice
    axis, and the position of the slice's first voxel.

    Args:
        keys: row keys of volumes on one grid, ``CHWD``, including the mask if it is used later; or of slices, ``CHW``.
        mask_key: row key of the mask; voxels above 0 count. ``None`` for no mask.
        axis: spatial axis along which slices are counted: 0, 1 or 2.
        index: slice index for all rows.
        index_key: row key of a row's own slice index, under which the chosen one is stored.
        allow_missing_keys: whether to skip keys that a row does not have.

    Raises:
        InputError: the axis is invalid, the index is outside, the mask is empty, or nothing determines the slice.
    """

    def __init__(
        self,
        keys: KeysCollection,
        mask_key: str | None = "mask",
        axis: int = 2,
        index: int | None = None,
        index_key: str = "slice",
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        if axis not in (0, 1, 2):
            raise InputError(f"SelectSliced: axis is {axis!r}; expected 0, 1 or 2")
        self.mask_key = mask_key
        self.axis = axis
        self.index = index
        self.index_key = index_key

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """The row with slices ``CHW``."""
        row = dict(data)
        volumes = {key: row[key] for key in self.key_iterator(row) if row[key].ndim == 4}
        if not volumes:
            return row
        key, volume = next(iter(volumes.items()))
        index = self._choose(row, volume, f"{key} of {_owner(row, volume)}")
        row[self.index_key] = index
        return row | {key: _take(volume, self.axis, index) for key, volume in volumes.items()}

    def _choose(self, row: Mapping[Hashable, Any], volume: torch.Tensor, name: str) -> int:
        count = volume.shape[1 + self.axis]
        index = row.get(self.index_key) if self.index is None else self.index
        if index is not None:
            if not isinstance(index, int) or isinstance(index, bool) or not 0 <= index < count:
                raise InputError(
                    f"{name}: found slice index {index!r}, expected 0..{count - 1} along axis {self.axis} of shape "
                    f"{tuple(volume.shape[1:])}; correct {self.index_key!r}"
                )
            return index
        if count == 1:
            return 0
        mask = None if self.mask_key is None else row.get(self.mask_key)
        if mask is None:
            raise InputError(
                f"{name}: found a volume of {count} slices and nothing that names one, expected a mask "
                f"({self.mask_key!r}) or an index ({self.index_key!r}) in the row, or an index in the config; add one"
            )
        if mask.shape[1:] != volume.shape[1:]:
            raise InputError(
                f"{name}: found a mask of shape {tuple(mask.shape[1:])}, expected {tuple(volume.shape[1:])}; "
                "resample it"
            )
        return largest_slice(mask, self.axis, name)


def largest_slice(mask: torch.Tensor, axis: int, name: str = "mask") -> int:
    """Index of the slice with most voxels above 0, the first of equal ones.

    Args:
        mask: mask, ``CHWD``.
        axis: spatial axis: 0, 1 or 2.
        name: name of the mask, for error messages.

    Raises:
        InputError: the mask is empty.
    """
    areas = (torch.as_tensor(mask) > 0).sum([i for i in range(4) if i != 1 + axis])
    if not areas.any():
        raise InputError(f"{name}: found an empty mask (0 everywhere), expected a region; draw it or name a slice")
    return int((areas == areas.max()).nonzero()[0])  # argmax promises no order among equal ones


def _take(volume: torch.Tensor, axis: int, index: int) -> torch.Tensor:
    """One slice, ``CHW``, as a copy, since a view in a cache would keep the whole volume."""
    taken = volume.select(1 + axis, index).clone()
    if isinstance(volume, MetaTensor):
        order = [i for i in range(3) if i != axis] + [axis]
        affine = volume.affine.clone()
        affine[:3, 3] += index * affine[:3, axis]
        affine[:3, :3] = affine[:3, order]
        meta = {name: value for name, value in volume.meta.items() if name != "affine"}
        meta |= {"original_channel_dim": 0, "spatial_shape": np.array(taken.shape[1:])}  # else MONAI counts 3 axes
        taken = MetaTensor(taken.as_subclass(torch.Tensor), affine=affine, meta=meta)
    return taken


def _owner(row: Mapping[Hashable, Any], volume: torch.Tensor) -> str:
    """Subject of the volume, and its file if the reader stored the name."""
    file = volume.meta.get("filename_or_obj", "") if isinstance(volume, MetaTensor) else ""
    return f"subject {row.get('subject', 'without name')}" + (f" ({file})" if file else "")
