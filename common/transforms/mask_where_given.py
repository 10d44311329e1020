"""Masking of the rows that have a mask."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from functools import partial
from typing import Any

import torch
from monai.config import KeysCollection
from monai.transforms import MaskIntensityd
from monai.transforms.utils import is_positive

from ..errors import InputError

__all__ = ["MaskWhereGivend"]


class MaskWhereGivend(MaskIntensityd):
    """MONAI's ``MaskIntensityd`` for cohorts in which only some rows have a mask: the others are unchanged.

    "All MR images are liver region segmented" (Chiang et al. 2023, section 4.1): voxels outside the organ's mask become
    0. Intended for masks of an organ; a lesion's mask would remove its surroundings.

    Args:
        keys: row keys of the images to mask, ``[C]HW`` or ``[C]HWD``.
        mask_key: row key of the mask.
        select_labels: mask value or values to keep; default: all above 0.
        allow_missing_keys: whether to skip keys that a row does not have.

    Raises:
        InputError: a mask is empty, such as that of a slice outside the organ.
    """

    def __init__(
        self,
        keys: KeysCollection,
        mask_key: str = "mask",
        select_labels: int | Sequence[int] | None = None,
        allow_missing_keys: bool = False,
    ) -> None:
        labels = [select_labels] if isinstance(select_labels, int) else select_labels
        select_fn = is_positive if labels is None else partial(_is_one_of, labels=list(labels))
        super().__init__(keys, mask_key=mask_key, select_fn=select_fn, allow_missing_keys=allow_missing_keys)
        self.select_fn = select_fn

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """The row with masked images."""
        mask = data.get(self.mask_key)
        if mask is None:
            return dict(data)
        if not self.select_fn(mask).any():
            raise InputError(
                f"{self.mask_key} of subject {data.get('subject', 'without name')}: found nothing to keep in the slice "
                "or volume, expected part of the organ; correct the mask, its labels or the slice"
            )
        return super().__call__(data)


def _is_one_of(mask: torch.Tensor, labels: Sequence[int]) -> torch.Tensor:
    return torch.isin(torch.as_tensor(mask), torch.tensor(labels, dtype=torch.float32))
