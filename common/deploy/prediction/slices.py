"""Slices of a study's volumes for 2D networks, chosen as in training."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ...errors import InputError
from ...images.nifti import write_nifti
from .input_format import InputFormat, Labels

__all__ = ["take_slices"]

Step = Callable[[dict[str, Any]], dict[str, Any]]


def take_slices(row: dict[str, Any], wanted: InputFormat, folder: Path) -> dict[str, Any]:
    """Write the slice or slices of a row's volumes as 2D NIfTI files; images that are slices are only masked.

    The steps are those of the bundles' ``train.yaml`` up to the choice of the slice: volumes are oriented to RAS, the
    slice with the largest mask area is taken (or several, uniformly), and voxels outside the organ are set to 0 if the
    network was trained so. Where it was trained on pictures, a volume needs one slice, or a row that names one.

    Args:
        row: row with ``image``, and ``mask`` if there is one.
        wanted: input format of the archive.
        folder: output folder.

    Returns:
        The row with the new files.

    Raises:
        InputError: no mask or index determines the slice, or the mask is empty; the network takes no volumes.
    """
    data: dict[str, Any] = row
    for step in _steps(wanted, "mask" in row):
        data = step(data)
    if wanted.num_slices is not None:
        data["mask"] = _common_mask(data["region"], wanted.mask_label)
    written: dict[str, list[str]] = {"image": [], "mask": []}
    for key, files in written.items():
        for number, channel in enumerate(torch.as_tensor(data.get(key, ()))):
            # inference.json ignores the geometry of slices.
            files.append(str(write_nifti(folder / f"{key}_{number}.nii.gz", channel.numpy(), np.eye(4))))
    return {"subject": row["subject"]} | {key: files for key, files in written.items() if files}


def _common_mask(regions: torch.Tensor, label: Labels) -> torch.Tensor:
    """One mask for all slices, since ``LabelToMaskd`` would take one of several channels in place of a label."""
    value = label if isinstance(label, int) else 1 if label is None else label[0]
    return (torch.as_tensor(regions) > 0).any(0, keepdim=True) * float(value)


def _without_volumes(row: dict[str, Any]) -> dict[str, Any]:
    """The row itself, unless it is a volume and names no slice."""
    count = row["image"].shape[3] if row["image"].ndim == 4 else 1
    if count > 1 and row.get("slice") is None:
        raise InputError(
            f"image: found a volume of {count} slices, expected a picture; give the picture alone, or "
            "name its 'slice' in a datalist's row"
        )
    return row


def _steps(wanted: InputFormat, has_mask: bool) -> list[Step]:
    """Steps from files to slices; without ``Compose``, which would wrap errors."""
    from monai.transforms import CopyItemsd, LabelToMaskd, LoadImaged

    from ...transforms import (
        CheckedReader,
        LoadModalitiesd,
        MaskWhereGivend,
        OrientVolumesd,
        SelectSliced,
        SelectUniformSlicesd,
    )

    keys = ["image", "mask"] if has_mask else ["image"]
    axis, number = wanted.slice_axis, wanted.num_slices
    steps: list[Step] = [LoadModalitiesd("image")]
    if has_mask:
        steps.append(LoadImaged("mask", reader=CheckedReader(), ensure_channel_first=True))
    steps.append(OrientVolumesd(keys, axcodes="RAS", labels=None))
    if wanted.pictures:
        steps.append(_without_volumes)
    if has_mask:
        steps.append(CopyItemsd("mask", names="region"))
        if wanted.mask_label is not None:
            steps.append(LabelToMaskd("region", select_labels=wanted.mask_label))
    if number is not None:
        keys = ["image", "region"]
        steps.append(SelectUniformSlicesd(keys, mask_key="region", num_slices=number, axis=axis))
    else:
        steps.append(SelectSliced(keys, mask_key="region", axis=axis))
    if wanted.apply_mask:
        mask = {"mask_key": "region"} if number is not None else {"select_labels": wanted.organ_label}
        steps.append(MaskWhereGivend("image", **mask))
    return steps
