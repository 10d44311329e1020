"""Datalists of a cohort in which one file is damaged."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import nibabel as nib
import numpy as np
from PIL import Image


def with_whole_paths(folder: Path) -> dict:
    """What the datalist of a folder holds, with paths that are right from elsewhere too."""
    content = json.loads((folder / "datalist.json").read_text())
    for row in content["training"]:
        for key in ("image", "mask"):
            if isinstance(row.get(key), list):
                row[key] = [str(folder / name) for name in row[key]]
            elif key in row:
                row[key] = str(folder / row[key])
    return content


def damaged(folder: Path, output: Path, key: str, damage: Callable[[Path], None]) -> tuple[Path, Path]:
    """A datalist in which a file of the fourth row is a damaged copy; of several images it is the second.

    Args:
        folder: the cohort.
        output: folder for the datalist and the copy.
        key: ``"image"`` or ``"mask"``.
        damage: changes a file.

    Returns:
        The datalist and the damaged file.
    """
    content = with_whole_paths(folder)
    row = content["training"][3]
    several = isinstance(row[key], list)
    source = Path(row[key][1] if several else row[key])
    copy = output / source.name
    copy.write_bytes(source.read_bytes())
    damage(copy)
    if several:
        row[key][1] = str(copy)
    else:
        row[key] = str(copy)
    path = output / "datalist.json"
    path.write_text(json.dumps(content))
    return path, copy


def voxels(change: Callable[[np.ndarray], np.ndarray]) -> Callable[[Path], None]:
    """A damage that changes a volume's voxels or a picture's pixels."""

    def damage(path: Path) -> None:
        if path.suffix.lower() == ".png":
            Image.fromarray(change(np.array(Image.open(path)))).save(path)
        else:
            image = nib.load(path)
            nib.save(nib.Nifti1Image(change(image.get_fdata().astype(np.float32)), image.affine), path)

    return damage


def with_nan(image: np.ndarray) -> np.ndarray:
    """One voxel is NaN."""
    image[(5,) * image.ndim] = np.nan
    return image


def truncate(path: Path) -> None:
    """A damage that keeps the first half of a file."""
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
