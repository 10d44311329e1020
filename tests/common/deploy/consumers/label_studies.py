"""Studies as a datalist has them, in several files, and as MONAI Label takes them, in one."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from PIL import Image


def write_study(bundle: str, folder: Path, name: str, seed: int) -> dict[str, Any]:
    """Write a study both ways: ``folder/<name>.*`` for the server; gives the row of a datalist.

    Args:
        bundle: whose input it is.
        folder: of the server's studies.
        name: of the study.
        seed: of the noise that the images are.
    """
    separate = folder.parent / "separate" / name
    separate.mkdir(parents=True)
    rng = np.random.default_rng(seed)
    if bundle == "mlsscl_3d":
        image = 10 + 3 * seed + rng.normal(size=(40, 30, 20)) * np.linspace(1, 9, 40)[:, None, None]
        return {"image": write_volume(image, folder / f"{name}.nii.gz")}
    if bundle == "siam3d_imbalance":
        images, mask = 5 + rng.random((1, 30, 34, 32)), np.zeros((30, 34, 32))
        mask[8:15, 18 + seed : 31, 10:22] = 1
        write_volume(np.stack([*images, mask], axis=-1), folder / f"{name}.nii.gz")
        files = [write_volume(image, separate / f"{index}.nii.gz") for index, image in enumerate(images)]
        return {"image": files, "mask": write_volume(mask, separate / "mask.nii.gz")}
    if bundle == "liver_cgc":
        colours = (rng.random((3, 28, 24)) * 255).astype(np.uint8)
        Image.fromarray(np.stack(colours, axis=-1)).save(folder / f"{name}.png")
        return {"image": [write_picture(colour, separate / f"{index}.png") for index, colour in enumerate(colours)]}
    grey, mask = (rng.random((40, 50)) * 255).astype(np.uint8), np.zeros((40, 50), dtype=np.uint8)
    mask[5:25, 10 + 5 * seed : 40] = 255
    Image.fromarray(np.stack([grey, mask], axis=-1), "LA").save(folder / f"{name}.png")
    return {"image": write_picture(grey, separate / "image.png"), "mask": write_picture(mask, separate / "mask.png")}


def write_sample(row: dict[str, Any], samples: Path, folder: Path) -> Path:
    """Write a case of a bundle's ``samples`` as the server takes it, under its subject's name: the mask as a channel.

    Args:
        row: of the samples' datalist.
        samples: folder of the datalist.
        folder: of the server's studies.
    """
    files = [samples / row[key] for key in ("image", "mask") if key in row]
    path = folder / f"{row['subject']}{''.join(files[0].suffixes)}"
    if len(files) == 1:
        shutil.copy(files[0], path)
    elif path.suffix == ".png":
        Image.merge("LA", [Image.open(file).convert("L") for file in files]).save(path)
    else:
        parts = [nib.load(file) for file in files]
        voxels = np.stack([part.get_fdata(dtype=np.float32) for part in parts], axis=-1)
        nib.save(nib.Nifti1Image(voxels, parts[0].affine), path)
    return path


def write_volume(array: np.ndarray, path: Path) -> str:
    """NIfTI in LPS, which preprocessing has to turn."""
    nib.save(nib.Nifti1Image(array.astype(np.float32), np.diag([-1.0, -1.0, 1.0, 1.0])), path)
    return str(path)


def write_picture(array: np.ndarray, path: Path) -> str:
    """PNG of one channel."""
    Image.fromarray(array).save(path)
    return str(path)
