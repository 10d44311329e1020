"""Box around a lesion."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from typing import Any

import torch
from monai.config import KeysCollection
from monai.transforms import Compose, MapTransform, Pad, SpatialCrop

from ..errors import InputError

__all__ = ["CropToMaskd", "mask_centroid"]


class CropToMaskd(MapTransform):
    """Crop a box of a fixed size around the centroid of a mask, padded with 0 outside the volume.

    "We make use of the segmentation mask to get the centroid and generate a 3D bounding box of 96 x 96 x 96 to localize
    the tumour. If the bounding box exceeds the original volume, the out-of-box region was padded with background
    intensity" (Li et al. 2021, section 3). The centre of the mask's bounding box differs from it if a lesion is
    asymmetric. The affine is updated.

    Args:
        keys: row keys of images on the mask's grid, ``[C]HWD``.
        mask_key: row key of the mask, ``[1]HWD``; voxels above 0 count.
        spatial_size: size of the box, in voxels.
        allow_missing_keys: whether to skip keys that a row does not have.

    Raises:
        InputError: in a call, the mask is empty.

    Shape:
        ``[C]HWD -> [C, *spatial_size]``.
    """

    def __init__(
        self, keys: KeysCollection, mask_key: str, spatial_size: Sequence[int], allow_missing_keys: bool = False
    ) -> None:
        super().__init__(keys, allow_missing_keys)
        self.mask_key = mask_key
        self.spatial_size = tuple(spatial_size)

    def __call__(self, data: Mapping[Hashable, Any]) -> dict[Hashable, Any]:
        """The row with boxes."""
        row = dict(data)
        mask = torch.as_tensor(row[self.mask_key])
        if not bool((mask > 0).any()):
            raise InputError(
                f"subject {row.get('subject', 'without name')}: the mask is empty; expected voxels above 0; correct "
                "the mask, or take the row out of the datalist"
            )
        centre, length = mask_centroid(mask), mask.shape[1:]
        # halves are rounded up: to the even neighbour, as round() does, they would move with a border of odd size
        starts = [int(c + 0.5) - size // 2 for c, size in zip(centre, self.spatial_size, strict=True)]
        ends = [start + size for start, size in zip(starts, self.spatial_size, strict=True)]
        crop = Compose(
            [
                SpatialCrop(roi_start=[max(start, 0) for start in starts], roi_end=ends),
                Pad([(0, 0), *((max(-s, 0), max(e - n, 0)) for s, e, n in zip(starts, ends, length, strict=True))]),
            ]
        )
        for key in self.key_iterator(row):
            row[key] = crop(row[key])
        return row


def mask_centroid(mask: torch.Tensor) -> list[float]:
    """Mean position of the voxels above 0 of a mask ``[1]HWD``, in voxels."""
    return (mask[0] > 0).nonzero().double().mean(dim=0).tolist()
