"""BUSI (Al-Dhabyani et al. 2020): breast ultrasound, benign against malignant, grouped by near duplicates."""

from __future__ import annotations

import io
import logging
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image

from ...errors import InputError
from ...files import write_atomically
from ...images.read import read_image
from ...images.stored_image import UnreadableImageError
from ..near_duplicates import joined_subjects
from .collect import existing_folder, missing_files, read_table, write_cohort

__all__ = ["busi_datalist"]

CLASSES = ("benign", "malignant", "normal")
ONE_SUBJECT = "%d images are %d subjects, as those that look the same share one; other frames of a lesion may not"
UNPACKED = "Dataset_BUSI_with_GT"

logger = logging.getLogger(__name__)


def busi_datalist(
    root: str | os.PathLike,
    output: str | os.PathLike,
    incomplete: Literal["report", "drop"] = "report",
    classes: Sequence[str] = ("benign", "malignant"),
    num_folds: int = 5,
    seed: int = 0,
) -> Path:
    """BUSI: breast ultrasound, benign against malignant; near duplicates count as one subject.

    It reads ``<root>/{images,masks}/<id>.png`` and ``<root>/labels.csv``. The collection does not identify patients and
    contains near duplicates: other frames and crops of one lesion. Therefore ``near_duplicate_group`` of the table
    becomes ``subject``, which folds, label fractions and intervals never split; ``case`` is the name of the image. Some
    groups contain images of two classes: errors of the collection.

    Without the table, it reads the original download, ``<root>[/Dataset_BUSI_with_GT]/<class>/<class> (n).png``: images
    that look the same by the measure of ``doctor.py`` are one subject, named after the first of them. If an image has
    several masks (``_mask.png``, ``_mask_1.png``), their union is written to ``masks`` beside ``output``.

    Args:
        root: folder of images and masks with ``labels.csv`` (columns ``id``, ``label``, ``near_duplicate_group``), or
            of the original download with ``benign``, ``malignant`` and ``normal``.
        output: JSON to write.
        incomplete: treatment of incomplete rows: "report" stops with a list of the lines with missing files, unknown
            class or without group; "drop" omits and logs them.
        classes: classes to read, in the order of their label; images of others are omitted. Images of "normal" breasts
            have no lesion and no mask.
        num_folds: number of folds by group, stratified.
        seed: random seed for the folds.

    Returns:
        The path written.

    Raises:
        InputError: the table is missing, a class is unknown, or lines are incomplete and not dropped.
    """
    root = existing_folder(root)
    if unknown := [name for name in classes if name not in CLASSES]:
        raise InputError(f"classes: found {', '.join(map(str, unknown))}, expected names of {', '.join(CLASSES)}")
    unpacked = next((path for path in (root, root / UNPACKED) if (path / "benign").is_dir()), None)
    if unpacked is not None and not (root / "labels.csv").is_file():
        rows, problems = _as_unpacked(unpacked, Path(os.path.abspath(output)), classes)
        subjects = joined_subjects(rows)
        rows = [{**row, "subject": subject} for row, subject in zip(rows, subjects, strict=True)]
        logger.warning("%s: patients are unknown; %s", root, ONE_SUBJECT % (len(rows), len({*subjects})))
    else:
        rows, problems = _from_table(root, classes)
    there = [name for name in CLASSES if unpacked is None or (unpacked / name).is_dir()]
    if others := [name for name in there if name not in classes]:
        what, every = " and ".join(others), ",".join(there)
        logger.info("%s: the class %s is left out; --classes %s includes it", root, what, every)
    return write_cohort(
        root,
        output,
        rows,
        problems,
        incomplete=incomplete,
        labels=classes,
        name="BUSI (Al-Dhabyani et al. 2020)",
        modality=("US",),
        num_folds=num_folds,
        seed=seed,
    )


def _from_table(root: Path, classes: Sequence[str]) -> tuple[list[dict[str, Any]], list[str]]:
    """Rows of ``labels.csv``, and one line per incomplete row."""
    rows, problems = [], []
    for entry in read_table(root / "labels.csv", ("id", "label", "near_duplicate_group")):
        if entry["label"] in CLASSES and entry["label"] not in classes:
            continue
        case, group = entry["id"], entry["near_duplicate_group"]
        files = {key: root / folder / f"{case}.png" for key, folder in (("image", "images"), ("mask", "masks"))}
        if entry["label"] == "normal":
            del files["mask"]
        reasons = [f"no {path.parent.name}/{path.name}" for path in files.values() if missing_files([path])]
        if entry["label"] not in CLASSES:
            reasons.append(f"label is {entry['label'] or 'empty'}, expected one of {', '.join(CLASSES)}")
        if not group:
            reasons.append("near_duplicate_group is empty, expected the group's number")
        if reasons:
            problems.append(f"image {case}: {'; '.join(reasons)}")
            continue
        paths = {key: str(path) for key, path in files.items()}
        label = list(classes).index(entry["label"])
        rows.append({**paths, "label": label, "subject": f"group{group}", "case": case})
    return rows, problems


def _as_unpacked(root: Path, output: Path, classes: Sequence[str]) -> tuple[list[dict[str, Any]], list[str]]:
    """Rows of ``<class>/<class> (n).png`` with the union of ``<class> (n)_mask.png``, ``_mask_1.png``, ..."""
    rows, problems = [], []
    for name in classes:
        files = sorted((root / name).glob("*.png"), key=lambda path: [int(n) for n in re.findall(r"\d+", path.name)])
        for image in (path for path in files if "_mask" not in path.stem):
            masks = [path for path in files if re.fullmatch(rf"{re.escape(image.stem)}_mask(_\d+)?", path.stem)]
            row: dict[str, Any] = {"image": str(image), "label": list(classes).index(name)}
            row |= {"subject": image.stem, "case": image.stem}
            if name != "normal" and not masks:
                problems.append(f"image {image.stem}: no {image.stem}_mask.png")
                continue
            try:
                if name != "normal":
                    row["mask"] = str(
                        masks[0] if len(masks) == 1 else _merged(masks, output.parent / "masks" / image.name)
                    )
                rows.append(row)
            except UnreadableImageError as error:
                problems.append(f"image {image.stem}: {error}")
    return rows, problems


def _merged(masks: Sequence[Path], output: Path) -> Path:
    """Write the union of several masks."""
    lesion = np.any([read_image(path, is_mask=True).voxels > 0 for path in masks], axis=0)
    buffer = io.BytesIO()
    Image.fromarray(lesion.T.astype(np.uint8) * 255).save(buffer, "PNG")
    return write_atomically(output, buffer.getvalue())
