"""OASIS-1 as skull-stripped volumes with a table: people of all ages, some of whom were scanned twice."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Literal, cast

import numpy as np

from ...errors import InputError
from ...images.nifti import write_nifti
from .class_labels import label_name, label_names
from .collect import existing_folder, missing_files, read_age, read_table, write_cohort

__all__ = ["oasis_datalist"]

UNPACKED = "oasis_cross-sectional.csv"


def oasis_datalist(
    root: str | os.PathLike,
    output: str | os.PathLike,
    label: str | None = None,
    incomplete: Literal["report", "drop"] = "report",
    num_folds: int = 5,
    seed: int = 0,
) -> Path:
    """OASIS-1 (Marcus et al. 2007) as skull-stripped volumes: scans and rescans of one person stay together.

    It reads ``<root>/<id>.nii.gz`` and ``<root>/labels.csv``. The subject is the column ``base``, which is the same for
    scans and rescans of one person; ``age`` comes from ``Age``.

    Without ``labels.csv``, it reads the original discs: ``oasis_cross-sectional.csv`` and
    ``OAS1_<n>_MR<k>/PROCESSED/MPRAGE/T88_111/*_t88_masked_gfc.{hdr,img}`` in any subfolder, in atlas space, which it
    converts to ``nifti/<ID>.nii.gz`` beside ``output``. Analyze has no orientation: the first axis is assumed to run to
    the left, as in nibabel.

    Args:
        root: folder of the volumes with ``labels.csv`` (columns ``id``, ``base``, ``Age``), or of the original discs.
        output: JSON to write.
        label: column with the class, such as Gender; ``None``: no labels, as for pre-training.
        incomplete: treatment of incomplete rows: "report" stops with a list of the scans without file, age or label;
            "drop" omits and logs them.
        num_folds: number of folds by person, stratified by label if there is one.
        seed: random seed for the folds.

    Returns:
        The path written.

    Raises:
        InputError: a table or column is missing, or scans are incomplete and not dropped.
    """
    root = existing_folder(root)
    columns = ("id", "base", "Age", *((label,) if label else ()))
    if (root / UNPACKED).is_file() and not (root / "labels.csv").is_file():
        images, entries = _as_unpacked(root, Path(os.path.abspath(output)).parent / "nifti", label)
    else:
        images, entries = root, read_table(root / "labels.csv", columns)
    names = label_names(entry[label] for entry in entries) if label else []
    rows, problems = [], []
    for entry in entries:
        image = images / f"{entry['id']}.nii.gz"
        reasons = [f"no {name}" for name in missing_files([image])]
        reasons += [f"{column} is empty" for column in columns if not entry[column]]
        row = {"image": str(image), "subject": entry["base"]}
        age, more = read_age("Age", entry["Age"])
        reasons += more
        if reasons:
            problems.append(f"scan {entry['id']}: {'; '.join(reasons)}")
        else:
            rows.append(row | age | ({"label": names.index(label_name(entry[label]))} if label else {}))
    return write_cohort(
        root,
        output,
        rows,
        problems,
        incomplete=incomplete,
        labels=names,
        name="OASIS-1",
        modality=("T1",),
        num_folds=num_folds,
        seed=seed,
    )


def _as_unpacked(root: Path, output: Path, label: str | None) -> tuple[Path, list[dict[str, str]]]:
    """The folder of the converted volumes, and lines in the format of ``labels.csv``."""
    import nibabel

    entries = read_table(root / UNPACKED, ("ID", "Age", *((label,) if label else ())))
    for path in sorted(root.rglob("*_t88_masked_gfc.hdr")):
        scan = re.match(r"OAS1_\d+_MR\d+", path.name)
        if scan is None:
            continue
        try:
            image = cast("nibabel.spatialimages.SpatialImage", nibabel.load(path))
            voxels = np.asanyarray(image.dataobj)
        except (OSError, ValueError, nibabel.filebasedimages.ImageFileError) as error:
            raise InputError(f"{path}: found an unreadable file ({error}), expected Analyze; copy it again") from error
        write_nifti(output / f"{scan[0]}.nii.gz", voxels.reshape(voxels.shape[:3]), image.affine)
    return output, [{"id": entry["ID"], "base": re.sub(r"_MR\d+$", "", entry["ID"]), **entry} for entry in entries]
