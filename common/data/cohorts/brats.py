"""BraTS 2017 to 2024 as downloaded: low against high grade, if the release has grades."""

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
NAMES_SINCE_2023 = {"FLAIR": "t2f", "T1": "t1n", "T1ce": "t1c", "T2": "t2w"}


class _Origin(NamedTuple):
    grade: str
    name: str  # BraTS<year>_<centre>_<patient>_<scan>, if known


def brats_datalist(
    root: str | os.PathLike,
    output: str | os.PathLike,
    incomplete: Literal["report", "drop"] = "report",
    modalities: Sequence[str] = MODALITIES,
    num_folds: int = 5,
    seed: int = 0,
) -> Path:
    """BraTS 2017 to 2020 training set: low (label 0) against high grade (label 1) from FLAIR, T1, T1ce and T2.

    All layouts are supported: folders of patients in ``HGG`` and ``LGG`` (2017 to 2019), in one folder with
    ``name_mapping.csv`` (2020; its column ``Grade``), and in one folder without grades (2021 to 2024), whose rows have
    no label. The folder of a patient contains ``<folder>_{flair,t1,t1ce,t2,seg}.nii.gz`` (or ``.nii``), since 2023
    ``<folder>-{t2f,t1n,t1c,t2w,seg}.nii.gz``. The centre comes from the name, with all TCIA collections as one centre
    and the 2013 cohort as "others", as in Li et al. 2021, Table 1. Several scans of one patient are one subject.

    Args:
        root: folder of the training set, or a parent of it.
        output: JSON to write.
        incomplete: treatment of incomplete rows: "report" stops with a list of the patients with missing files or
            unknown grade; "drop" omits and logs them.
        modalities: modalities to read, in their order.
        num_folds: number of subject-wise stratified folds.
        seed: random seed for the folds.

    Returns:
        The path written.

    Raises:
        InputError: there are no patients, or patients are incomplete and not dropped.
    """
    root = existing_folder(root)
    if unknown := [name for name in modalities if name not in MODALITIES]:
        raise InputError(f"modalities: found {', '.join(unknown)}, expected names of {', '.join(MODALITIES)}")
    origins = _mapped_origins(root)
    rows, problems = [], []
    found = {
        folder: origins.get(folder.name) or _Origin(folder.parent.name, folder.name)
        for folder in _patient_folders(root)
    }
    graded = any(origin.grade in LABEL_OF_GRADE for origin in found.values()) or not all(map(_is_ungraded, found))
    for folder, origin in found.items():
        images = [_file(folder, name) for name in modalities]
        mask = _file(folder, "seg")
        reasons = [f"no {name}" for name in missing_files([*images, mask])]
        if graded and origin.grade not in LABEL_OF_GRADE:
            reasons.append(f"found no grade, expected a parent folder HGG or LGG, or a row of {MAPPING}")
        if reasons:
            problems.append(f"patient {folder.name}: {'; '.join(reasons)}")
            continue
        rows.append(
            {
                "image": [str(path) for path in images],
                "mask": str(mask),
                **({"label": LABEL_OF_GRADE[origin.grade]} if graded else {}),
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
        labels=("low grade", "high grade") if graded else (),
        name="BraTS",
        modality=modalities,
        num_folds=num_folds,
        seed=seed,
    )


def _patient_folders(root: Path) -> list[Path]:
    """Folders with a file named after the folder."""
    files = [path for path in root.rglob("*.nii*") if re.match(re.escape(path.parent.name) + "[_-]", path.name)]
    folders = sorted({path.parent for path in files})
    if not folders:
        raise InputError(
            f"{root}: found no patient, expected folders <name> with <name>_flair.nii.gz; correct the path"
        )
    return folders


def _is_ungraded(folder: Path) -> bool:
    """Whether the name is that of a release without grades, 2021 or later."""
    return re.match(r"BraTS(20)?2[1-9]|BraTS-", folder.name) is not None


def _file(folder: Path, modality: str) -> Path:
    names = [f"{folder.name}_{modality.lower()}.nii", f"{folder.name}-{NAMES_SINCE_2023.get(modality, modality)}.nii"]
    for plain in (folder / name for name in names):
        for path in (plain, plain.with_name(f"{plain.name}.gz")):
            if path.is_file():
                return path
    return folder / f"{names['-' in folder.name]}.gz"


def _mapped_origins(root: Path) -> dict[str, _Origin]:
    """Grade and earliest name with a centre, by the folder names of all years, from every name mapping in ``root``."""
    origins = {}
    for path in sorted(root.rglob(MAPPING)):
        for row in read_table(path, ("Grade",)):
            names = [row[key] for key in sorted(row) if re.fullmatch(r"BraTS_?\d{4}_subject_ID", key, re.IGNORECASE)]
            names = [name for name in names if name]
            # Names of 2017 to 2019 contain the centre, those of 2020 do not.
            with_centre = next((name for name in reversed(names) if name.count("_") >= 3), names[-1] if names else "")
            origins.update({name: _Origin(row["Grade"], with_centre) for name in names})
    return origins


def _subject(name: str) -> str:
    """The patient: ``BraTS19_CBICA_AAB_1`` or ``BraTS-GLI-00005-100`` without the number of the scan."""
    if name.startswith("BraTS-"):
        return name.rsplit("-", 1)[0]
    return re.sub(r"_\d+$", "", name) if name.count("_") >= 3 else name


def _centre(name: str) -> str:
    parts = name.split("_")
    if len(parts) < 4:
        return "unknown"
    return re.sub(r"^TCIA\d*$", "TCIA", "others" if parts[1] == "2013" else parts[1])
