"""A fixed number of slices of a region, as channels of one image."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import torch
from monai.config import KeysCollection
from monai.data import MetaTensor
from monai.transforms import MapTransform

from ..errors import InputError
from .select_slice import _owner, _take

__all__ = ["SelectUniformSlicesd", "uniform_slices"]


class SelectUniformSlicesd(MapTransform):
    """Convert slices chosen uniformly among those with the region to the channels of one image for a 2D network.

    Zhao and Yang 2021, section 3.1: "we uniformly select 10 slice images for each tumor area because of a wide range of
    slice thicknesses. If there are less than 10 slices, select slices repeatedly from the middle to the ends." See
    :func:`uniform_slices` for the choice.

    The geometry is kept in the plane: the result's ``affine`` is 4x4, with the columns of the two remaining axes, that
    of the slice axis, and the position of the first chosen slice.

    Args:
        keys: row keys of single-channel volumes, ``1HWD``, on one grid, including the mask if it is used later.
        mask_key: row key of the mask; voxels above 0 count.
        num_slices: number of slices, which are the channels of the result.
        axis: spatial axis along which slices are counted: 0, 1 or 2; 2 after ``Orientationd`` to RAS is transverse.
        index_key: row key of the chosen indices, in the order of the channels.
        allow_missing_keys: whether to skip keys that a row does not have.

    Shape:
        ``1HWD`` to ``[num_slices, H, W]`` for axis 2.

    Raises:
        InputError: the mask is missing or empty, there are several channels, shapes differ, or an option is invalid.
    """

    def __init__(
        self,
        keys: KeysCollection,
        mask_key: str = "mask",
        num_slices: int = 10,
        axis: int = 2,
        index_key: str = "slices",
        allow_missing_keys: bool = False,
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        if axis not in (0, 1, 2):
            raise InputError(f"SelectUniformSlicesd: axis is {axis!r}; expected 0, 1 or 2")
        if isinstance(num_slices, bool) or not isinstance(num_slices, int) or num_slices < 1:
            raise InputError(f"SelectUniformSlicesd: num_slices is {num_slices!r}; expected an integer from 1")
        self.mask_key = mask_key
        self.num_slices = num_slices
        self.axis = axis
        self.index_key = index_key

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """The row with slices as channels."""
        row = dict(data)
        mask = row.get(self.mask_key)
        if mask is None:
            subject = row.get("subject", "without name")
            raise InputError(f"subject {subject}: no {self.mask_key!r}; expected the region's mask; add it")
        chosen = self._choose(row, mask)
        for key in self.key_iterator(row):
            row[key] = self._take(row[key], chosen, mask.shape, f"{key} of {_owner(row, row[key])}")
        row[self.index_key] = chosen
        return row

    def _choose(self, row: Mapping[Hashable, Any], mask: torch.Tensor) -> list[int]:
        name = f"{self.mask_key} of {_owner(row, mask)}"
        if mask.ndim != 4 or mask.shape[0] != 1:
            raise InputError(f"{name}: found shape {tuple(mask.shape)}, expected one channel and three axes of space")
        shown = (torch.as_tensor(mask) > 0).sum([i for i in range(4) if i != 1 + self.axis])
        indices = shown.nonzero().flatten().tolist()
        if not indices:
            raise InputError(
                f"{name}: found an empty mask (0 everywhere), expected a region; draw it or delete the row"
            )
        return [indices[position] for position in uniform_slices(len(indices), self.num_slices)]

    def _take(self, volume: torch.Tensor, chosen: Sequence[int], shape: torch.Size, name: str) -> torch.Tensor:
        if volume.shape != shape:
            found, expected = tuple(volume.shape), tuple(shape)
            raise InputError(f"{name}: found shape {found}, expected {expected} as the mask; resample one modality")
        slices = [_take(volume, self.axis, index) for index in chosen]
        result = torch.cat([torch.as_tensor(item) for item in slices])
        first = slices[0]
        if isinstance(first, MetaTensor):  # the geometry is that of the first
            meta = {name: value for name, value in first.meta.items() if name != "affine"}
            result = MetaTensor(result, affine=first.affine, meta=meta)
        return result


def uniform_slices(available: int, wanted: int) -> list[int]:
    """Positions of ``wanted`` slices among ``available`` ones, in their order.

    If there are enough, each is the middle of one of ``wanted`` equal parts (**ours**: "uniformly" in the paper; the
    ends show only the region's tips). If there are fewer, all are repeated equally often, and those nearest the middle
    once more, the lower of equally near ones first; repeated slices are neighbours, so that channels follow the axis
    (**ours**: "select slices repeatedly from the middle to the ends").

    Args:
        available: number of slices with the region, from 1.
        wanted: number of slices to choose, from 1.

    Example:
        >>> uniform_slices(20, 4)
        [2, 7, 12, 17]
        >>> uniform_slices(4, 10)
        [0, 0, 1, 1, 1, 2, 2, 2, 3, 3]
    """
    if available >= wanted:
        return [(2 * part + 1) * available // (2 * wanted) for part in range(wanted)]
    rounds, left = divmod(wanted, available)
    from_middle = sorted(range(available), key=lambda position: (abs(2 * position - (available - 1)), position))
    again = set(from_middle[:left])
    return [position for position in range(available) for _ in range(rounds + (position in again))]
