"""Conversion of a cohort of volumes to a cohort of slices."""

from __future__ import annotations

import json
import os
import re
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from tqdm import tqdm

from ..errors import InputError
from ..images.nifti import write_nifti
from .datalist import load_datalist
from .datalist_writer import write_datalist
from .names import class_names

__all__ = ["slice_datalist"]

Labels = int | Sequence[int] | None
Step = Callable[[dict[str, Any]], dict[str, Any]]
SECTIONS = ("training", "testing")


def slice_datalist(
    datalist: str | os.PathLike,
    output: str | os.PathLike,
    axis: int = 2,
    index: int | None = None,
    mask_label: int | Sequence[int] | None = None,
    apply_mask: bool = False,
    organ_label: int | Sequence[int] | None = None,
    missing: Literal["refuse", "zeros"] = "refuse",
) -> Path:
    """Extract one slice of each volume of a datalist, in RAS order, and write the slices with a new datalist.

    The slices can be read without this package: MONAI's ``LoadImaged`` loads a row as ``[M, H, W]``. Each modality is a
    NIfTI image with two axes, ``<subject>/<modality>.nii.gz``, whose affine contains the position in the patient (for
    sagittal and coronal slices only the spacing, as MONAI reads no more); the mask, if there is one, is
    ``<subject>/mask.nii.gz``. Labels, folds and other keys are kept; ``slice`` is the index along the axis.

    Args:
        datalist: datalist of volumes, or of slices, which are only reoriented; both sections are converted.
        output: folder to make, with ``datalist.json`` and the slices.
        axis: axis after reorientation to RAS: 0 for sagittal, 1 for coronal, 2 for transverse slices.
        index: index of the slice for all rows, from left, back or foot; default: ``slice`` of the row, or else the
            slice with the largest mask area.
        mask_label: value (or values) of the mask for this area; default: any but 0.
        apply_mask: whether to set pixels outside the mask to 0, if there is a mask.
        organ_label: value (or values) of the mask that ``apply_mask`` keeps; default: any but 0.
        missing: treatment of missing modalities: "zeros" keeps their rows, with null instead of the image; "refuse"
            reports them.

    Returns:
        The path of the new datalist.

    Raises:
        InputError: rows cannot be converted, all of which are listed; then no datalist is written.
    """
    datalist, output = Path(datalist), Path(output)
    if (output / "datalist.json").resolve() == datalist.resolve():
        raise InputError(f"{output}: found the datalist of the volumes, expected another folder; choose one")
    content = _read(datalist)
    sections = {
        name: load_datalist(datalist, section=name, spatial_dims=[2, 3], mask_label=mask_label, missing=missing)
        for name in [name for name in SECTIONS if content.get(name)] or SECTIONS[:1]
    }
    modality = content.get("modality") or {}
    names = [modality[key] for key in sorted(modality, key=int)] or None
    files = [re.sub(r"[^\w.-]+", "_", name).lower() for name in names] if names else None
    steps = _steps(axis, index, mask_label, apply_mask, organ_label)
    done: dict[str, list[dict[str, Any]]] = {name: [] for name in SECTIONS}
    numbers: Counter[str] = Counter()
    problems = []
    for section, rows in sections.items():
        for row in tqdm(rows, f"taking slices of {section}", unit="row", disable=len(rows) < 8):
            folder = re.sub(r"[^\w.-]+", "_", row["subject"])
            numbers[folder] += 1
            folder += f"-{numbers[folder]}" if numbers[folder] > 1 else ""  # another image of the same subject
            try:
                done[section].append(_written(row, steps, output.absolute() / folder, files))
            except InputError as error:
                problems.append(f"{section}[{row['index']}] {error}")
    if problems:
        raise InputError.of_rows(str(datalist), problems)
    return write_datalist(
        output / "datalist.json",
        done["training"],
        done["testing"],
        labels=class_names(datalist),
        name=content.get("name"),
        modality=names,
    )


def _read(datalist: Path) -> dict[str, Any]:
    """The content of the datalist; empty for invalid files, which ``load_datalist`` reports."""
    try:
        content = json.loads(datalist.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _steps(axis: int, index: int | None, mask_label: Labels, apply_mask: bool, organ_label: Labels) -> list[Step]:
    """Transforms from the files of a row to its slice; not a ``Compose``, which would wrap errors."""
    from monai.transforms import CopyItemsd, LabelToMaskd, LoadImaged, Orientationd

    from ..transforms import CheckedReader, LoadModalitiesd, MaskWhereGivend, SelectSliced

    keys = ["image", "mask"]
    steps: list[Step] = [
        LoadModalitiesd("image"),
        LoadImaged("mask", reader=CheckedReader(), ensure_channel_first=True, allow_missing_keys=True),
        Orientationd(keys, axcodes="RAS", labels=None, allow_missing_keys=True),
        CopyItemsd("mask", names="region", allow_missing_keys=True),
    ]
    if mask_label is not None:
        steps.append(LabelToMaskd("region", select_labels=mask_label, allow_missing_keys=True))
    steps.append(SelectSliced(keys, mask_key="region", axis=axis, index=index, allow_missing_keys=True))
    return [*steps, MaskWhereGivend("image", select_labels=organ_label)] if apply_mask else steps


def _written(row: dict[str, Any], steps: Sequence[Step], folder: Path, names: Sequence[str] | None) -> dict[str, Any]:
    """Write a row's slices and return its row in the new datalist."""
    data: dict[str, Any] = row
    for step in steps:
        data = step(data)
    image, affine = data["image"], data["image"].affine.numpy()
    if abs(np.linalg.det(affine[:2, :2])) < 0.5 * np.linalg.norm(affine[:, 0]) * np.linalg.norm(affine[:, 1]):
        # MONAI reorients slices by the first two rows alone, in which a sagittal or coronal plane is degenerate.
        affine = np.diag([*np.linalg.norm(affine[:3, :3], axis=0), 1.0])
    files = [
        None if gone else str(write_nifti(folder / f"{name}.nii.gz", channel.numpy(), affine))
        for name, channel, gone in zip(
            names or map(str, range(len(image))), image.as_tensor(), data["missing"].tolist(), strict=True
        )
    ]
    new = {key: value for key, value in row.items() if key not in ("image", "mask", "index")}
    new["image"] = files if len(files) > 1 else files[0]
    if "mask" in data:
        new["mask"] = str(write_nifti(folder / "mask.nii.gz", data["mask"][0].numpy(), affine))
    if "slice" in data:
        new["slice"] = data["slice"]
    return new
