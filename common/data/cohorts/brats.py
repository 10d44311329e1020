"""BraTS 2017 to 2020 as downloaded: low against high grade."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

from ...errors import InputError
from .collect import existing_folder, missing_files, read_table, write_cohort

__all__ = ["brats_datalist"]

MODALITIES = ("FLAIR", "T1", "T1ce", "T2")
LABEL_OF_GRADE = {"LGG": 0, "HGG": 1}
MAPPING = "name_mapping.csv"


class _Origin(NamedTuple):
    grade: str
    name: str  # BraTS<year>_<centre>_<patient>_<scan>, where known


def brats_datalist(
    root: str | os.PathLike,
    output: str | os.PathLike,
    incomplete: Literal["report", "drop"] = "report",
    modalities: Sequence[str] = MODALITIES,
    num_folds: int = 5,
    seed: int = 0,
) -> Path:
    """BraTS 2017 to 2020 training set: low (label 0) against high grade (label 1) from FLAIR, T1, T1ce and T2.

    Both layouts are read: patients' folders below ``HGG`` and ``LGG`` (2017 to 2019), and below one folder with
    ``name_mapping.csv`` (2020; its column ``Grade``). A patient's folder holds
    ``<folder>_{flair,t1,t1ce,t2,seg}.nii.gz`` (or ``.nii``). The centre comes from the name, with all TCIA
    collections as one and the 2013 cohort as "others", as in Li et al. 2021, Table 1. Several scans of one patient are
    one subject.

    Args:
        root: folder of the training set, or one above it.
        output: JSON to write.
        incomplete: how to treat incomplete rows: "report" stops with a list of the patients with missing files or
            unknown grade; "drop" leaves them out and logs which and why.
        modalities: modalities to read, in their order.
        num_folds: number of subject-wise stratified folds.
        seed: random seed for the folds.

    Returns:
        The path written.

    Raises:
        InputError: when no patient is found, and for incomplete patients unless they are dropped.
    """
    root = existing_folder(root)
    if unknown := [name for name in modalities if name not in MODALITIES]:
        raise InputError(f"modalities: found {', '.join(unknown)}, expected names of {', '.join(MODALITIES)}")
    origins = _mapped_origins(root)
    rows, problems = [], []
    for folder in _patient_folders(root):
        origin = origins.get(folder.name) or _Origin(folder.parent.name, folder.name)
        images = [_file(folder, name.lower()) for name in modalities]
        mask = _file(folder, "seg")
        reasons = [f"no {name}" for name in missing_files([*images, mask])]
        if origin.grade not in LABEL_OF_GRADE:
            reasons.append(f"found no grade, expected a parent folder HGG or LGG, or a row of {MAPPING}")
        if reasons:
            problems.append(f"patient {folder.name}: {'; '.join(reasons)}")
            continue
        rows.append(
            {
                "image": [str(path) for path in images],
                "mask": str(mask),
                "label": LABEL_OF_GRADE[origin.grade],
                "subject": _subject(origin.name),
                "centre": _centre(origin.name),
            }
        )
    return write_cohort(
        root,
        output,
        rows,
        problems,
        incomplete=incomplete,
        labels=("low grade", "high grade"),
        name="BraTS",
        modality=modalities,
        num_folds=num_folds,
        seed=seed,
    )


def _patient_folders(root: Path) -> list[Path]:
    """Folders that hold a file named after themselves."""
    folders = sorted({path.parent for path in root.rglob("*.nii*") if path.name.startswith(f"{path.parent.name}_")})
    if not folders:
        raise InputError(f"{root}: found no patient, expected folders <name> with <name>_flair.nii.gz; mend the path")
    return folders


def _file(folder: Path, suffix: str) -> Path:
    plain = folder / f"{folder.name}_{suffix}.nii"
    return plain if plain.is_file() else plain.with_name(f"{plain.name}.gz")


def _mapped_origins(root: Path) -> dict[str, _Origin]:
    """Grade and name of the earliest known year by each year's folder name, of every name mapping below ``root``."""
    origins = {}
    for path in sorted(root.rglob(MAPPING)):
        for row in read_table(path, ("Grade",)):
            names = [row[key] for key in sorted(row) if re.fullmatch(r"BraTS_?\d{4}_subject_ID", key, re.IGNORECASE)]
            names = [name for name in names if name not in ("", "NA")]
            # Names of 2017 to 2019 tell the centre, those of 2020 don't.
            telling = next((name for name in reversed(names) if name.count("_") >= 3), names[-1] if names else "")
            origins.update({name: _Origin(row["Grade"], telling) for name in names})
    return origins


def _subject(name: str) -> str:
    """The patient: without the number of the scan at the end of ``BraTS19_CBICA_AAB_1``."""
    return re.sub(r"_\d+$", "", name) if name.count("_") >= 3 else name


def _centre(name: str) -> str:
    parts = name.split("_")
    if len(parts) < 4:
        return "unknown"
    return re.sub(r"^TCIA\d*$", "TCIA", "others" if parts[1] == "2013" else parts[1])
