"""Conversion of MedMNIST archives (Yang et al. 2023) to NIfTI files with a datalist."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from ...errors import InputError
from ...files import file_digest, write_atomically
from ...images.nifti import write_nifti
from ..datalist_writer import write_datalist
from ..folds import assign_folds

__all__ = ["npz_datalist"]

SOURCE = "source.json"


def npz_datalist(
    archive: str | os.PathLike,
    output: str | os.PathLike,
    class_names: Sequence[str] = (),
    testing: str | None = None,
    spacing: float = 1.0,
    num_folds: int = 5,
    seed: int = 0,
) -> Path:
    """MedMNIST archives: each image as NIfTI, and a datalist with a training and a testing section.

    The archive contains ``<part>_images`` ``[N, H, W]`` or ``[N, D, H, W]`` and ``<part>_labels`` ``[N, 1]`` for some
    of the parts train, val and test. A file has the axes ``[W, H(, D)]``, like a PNG of the same picture. Each image is
    a subject, as the archive has no patients.

    A run that was interrupted can be continued; a finished one only writes the datalist again.

    Args:
        archive: ``.npz`` file, which is read without pickles.
        output: folder to make, with ``datalist.json`` and ``images``.
        class_names: names of the labels in the order of their index; default: the indices.
        testing: part of the archive that becomes the section ``testing``; default: test, or else val. All others are
            for training.
        spacing: voxel size in mm, which is not in the archive.
        num_folds: number of stratified folds of the section ``training``.
        seed: random seed for the folds.

    Returns:
        The path of ``datalist.json``.

    Raises:
        InputError: the archive is of another kind, the folder contains images of another archive, or its name ends in
            ``.json``, the output of other readers.
    """
    archive, output = Path(archive), Path(os.path.abspath(output))
    if output.suffix == ".json":
        raise InputError(f"output: {output}: found the name of a JSON file, expected a folder; set its folder")
    parts = _read(archive)
    testing = testing or ("test" if "test" in parts else "val")
    if testing not in parts or len(parts) < 2:
        raise InputError(f"{archive}: found the parts {', '.join(parts)}, expected {testing} and another for training")
    count = max(int(labels.max()) for _, labels in parts.values()) + 1
    class_names = list(class_names) or [str(index) for index in range(count)]
    if len(class_names) < count:
        raise InputError(f"class_names: found {len(class_names)}, expected {count} for the labels; set all of them")
    _claim(output, archive, spacing)
    rows: dict[str, list[dict[str, Any]]] = {"training": [], "testing": []}
    with tqdm(total=sum(len(labels) for _, labels in parts.values()), desc="writing images", unit="image") as bar:
        for part, (images, labels) in parts.items():
            for row in _written(part, images, labels, output / "images", spacing):
                rows["testing" if part == testing else "training"].append(row)
                bar.update()
    training = assign_folds(rows["training"], num_folds, seed)
    name = archive.stem
    return write_datalist(output / "datalist.json", training, rows["testing"], labels=class_names, name=name)


def _read(archive: Path) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Images and labels of each part."""
    if not archive.is_file():
        raise InputError(f"{archive}: found no such file, expected a MedMNIST .npz; correct the path")
    try:
        with np.load(archive, allow_pickle=False) as content:
            names = [name.removesuffix("_images") for name in content.files if name.endswith("_images")]
            parts = {name: (content[f"{name}_images"], content[f"{name}_labels"]) for name in names}
    except (OSError, ValueError, KeyError, EOFError, TypeError, AttributeError) as error:
        raise InputError(
            f"{archive}: found no MedMNIST archive ({error}), expected train_images, train_labels, ..."
        ) from error
    for name, (images, labels) in parts.items():
        if images.ndim not in (3, 4) or (images.ndim == 4 and images.shape[-1] <= 4):
            raise InputError(
                f"{archive}: {name}_images: found shape {images.shape}, expected [N, H, W] or [N, D, H, W]"
            )
        if labels.shape not in ((len(images),), (len(images), 1)) or labels.dtype.kind not in "iu":
            raise InputError(
                f"{archive}: {name}_labels: found {labels.dtype} of shape {labels.shape}, expected one class for each "
                f"of {len(images)} images"
            )
    if not parts:
        raise InputError(
            f"{archive}: found no part, expected train_images, val_images, ...; provide a MedMNIST archive"
        )
    return parts


def _claim(output: Path, archive: Path, spacing: float) -> None:
    """Record the archive in the folder, and refuse a folder with images of another one."""
    wanted = {"archive": file_digest(archive), "spacing": float(spacing), "axes": "WHD"}
    note = output / SOURCE
    if not note.is_file():
        write_atomically(note, json.dumps(wanted) + "\n")
    elif json.loads(note.read_text()) != wanted:
        raise InputError(f"{output}: found images of another archive or spacing; choose another folder")


def _written(
    part: str, images: np.ndarray, labels: np.ndarray, folder: Path, spacing: float
) -> Iterator[dict[str, Any]]:
    """Rows of a part, whose missing files are written."""
    affine = np.diag([-spacing, -spacing, spacing, 1.0])  # rows run to the left of the patient, columns to the back
    for number, (image, label) in enumerate(zip(images, labels.reshape(-1), strict=True)):
        name = f"{part}_{number:05d}"
        path = folder / f"{name}.nii.gz"
        if not path.is_file():
            write_nifti(path, image.T, affine)
        yield {"image": str(path), "label": int(label), "subject": name}
