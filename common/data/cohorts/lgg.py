"""TCGA-LGG as prepared by Buda et al. 2019 and stored at 96x96xn: WHO grade 2 against 3."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Literal

import numpy as np
from PIL import Image

from ...errors import InputError
from ...images.nifti import write_nifti
from ...images.read import read_image
from .class_labels import label_name
from .collect import existing_folder, missing_files, read_table, write_cohort

__all__ = ["lgg_datalist"]

SEQUENCES = ("flair", "t1pre", "t1post")
LABEL_OF_GRADE = {"2": 0, "3": 1}
UNPACKED = "kaggle_3m"
CHANNELS = ("t1pre", "flair", "t1post")  # colours of a slice
COLUMNS = ("Patient", "neoplasm_histologic_grade")
GRADES = {"1": "2", "2": "3"}  # codes of data.csv


def lgg_datalist(
    root: str | os.PathLike,
    output: str | os.PathLike,
    incomplete: Literal["report", "drop"] = "report",
    num_folds: int = 5,
    seed: int = 0,
) -> Path:
    """TCGA-LGG (Buda et al. 2019): WHO grade 2 against 3 from FLAIR, T1 before and after contrast agent.

    It reads ``<root>/<patient>/{flair,t1pre,t1post,seg}.nii.gz`` and ``<root>/labels.csv``. The label is 0 for WHO
    grade 2 and 1 for grade 3; the centre is the two-letter code in a TCGA name.

    Without ``labels.csv``, it reads the original download, ``data.csv`` and
    ``<root>[/kaggle_3m]/<patient>/<patient>_<slice>[_mask].tif``: the three colours of a slice are the sequences; a
    missing one is a copy of FLAIR. They are written as volumes to ``nifti/<patient>`` beside ``output``, with a spacing
    of 1 mm, as the true one is not published.

    Args:
        root: folder of the patients with ``labels.csv`` (columns ``id``, ``who_grade``, ``missing_sequences``), or of
            the original download with ``data.csv``.
        output: JSON to write.
        incomplete: treatment of incomplete rows: "report" stops with a list of the patients without grade or with
            missing sequences; "drop" omits and logs them.
        num_folds: number of subject-wise stratified folds.
        seed: random seed for the folds.

    Returns:
        The path written.

    Raises:
        InputError: the table is missing, or patients are incomplete and not dropped.
    """
    root = existing_folder(root)
    rows, problems = [], []
    unpacked = next((path for path in (root, root / UNPACKED) if (path / "data.csv").is_file()), None)
    if unpacked is not None and not (root / "labels.csv").is_file():
        base = Path(os.path.abspath(output)).parent / "nifti"
        entries = _as_unpacked(unpacked, base)
    else:
        base, entries = root, read_table(root / "labels.csv", ("id", "who_grade", "missing_sequences"))
    for entry in entries:
        folder = base / entry["id"]
        images, mask = [folder / f"{name}.nii.gz" for name in SEQUENCES], folder / "seg.nii.gz"
        named = [f"{name}.nii.gz" for name in entry["missing_sequences"].split(";") if name in SEQUENCES]
        reasons = [f"no {name}" for name in sorted({*named, *missing_files([*images, mask])})]
        if entry["who_grade"] not in LABEL_OF_GRADE:
            reasons.append(f"who_grade is {entry['who_grade'] or 'empty'}, expected 2 or 3")
        if reasons:
            problems.append(f"patient {entry['id']}: {'; '.join(reasons)}")
            continue
        # TCGA_CS_4942_19970222: patient, followed by the date of the scan.
        subject = "_".join(entry["id"].split("_")[:3])
        rows.append(
            {
                "image": [str(path) for path in images],
                "mask": str(mask),
                "label": LABEL_OF_GRADE[entry["who_grade"]],
                "subject": subject,
                "centre": entry["id"].split("_")[1],
            }
        )
    return write_cohort(
        root,
        output,
        rows,
        problems,
        incomplete=incomplete,
        labels=("WHO grade 2", "WHO grade 3"),
        name="TCGA-LGG (Buda et al. 2019)",
        modality=SEQUENCES,
        num_folds=num_folds,
        seed=seed,
    )


def _as_unpacked(root: Path, output: Path) -> list[dict[str, str]]:
    """Write the slices of patients as volumes, and return lines in the format of ``labels.csv``."""
    grades = {entry["Patient"]: entry["neoplasm_histologic_grade"] for entry in read_table(root / "data.csv", COLUMNS)}
    entries = []
    for folder in sorted(path for path in root.glob("TCGA_*") if path.is_dir()):
        files = {int(match[1]): path for path in folder.iterdir() if (match := re.search(r"_(\d+)\.tif$", path.name))}
        slices = [np.asarray(Image.open(files[number])) for number in sorted(files)]
        masks = [files[number].with_name(f"{files[number].stem}_mask.tif") for number in sorted(files)]
        if not slices or len({image.shape for image in slices}) > 1 or slices[0].shape[2:] != (3,):
            raise InputError(f"{folder}: found no slices of three colours and one size, expected <patient>_<slice>.tif")
        volume = np.stack(slices, axis=2).transpose(1, 0, 2, 3)
        absent = [
            name
            for channel, name in enumerate(CHANNELS)
            if name != "flair" and np.array_equal(volume[..., channel], volume[..., CHANNELS.index("flair")])
        ]
        affine = np.diag([-1.0, -1.0, 1.0, 1.0])
        for channel, name in enumerate(CHANNELS):
            write_nifti(output / folder.name / f"{name}.nii.gz", volume[..., channel], affine)
        mask = np.stack([read_image(path, is_mask=True).voxels > 0 for path in masks], axis=2)
        write_nifti(output / folder.name / "seg.nii.gz", mask.astype(np.uint8), affine)
        grade = label_name(grades.get("_".join(folder.name.split("_")[:3]), ""))
        entries.append(
            {"id": folder.name, "who_grade": GRADES.get(grade, grade), "missing_sequences": ";".join(absent)}
        )
    return entries
