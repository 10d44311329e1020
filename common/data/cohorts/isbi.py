"""The ISBI 2015 longitudinal MS lesion segmentation challenge (Carass et al. 2017) as downloaded."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from ...errors import InputError
from .collect import existing_folder, expect_choice, write_cohort

__all__ = ["isbi_datalist"]

MODALITIES = ("flair", "mprage", "pd", "t2")
SEGMENTS = ("background", "lesion")


def isbi_datalist(
    root: str | os.PathLike,
    output: str | os.PathLike,
    modalities: Sequence[str] = MODALITIES,
    rater: int = 1,
    stage: Literal["preprocessed", "orig"] = "preprocessed",
    incomplete: Literal["report", "drop"] = "report",
    num_folds: int = 5,
    seed: int = 0,
) -> Path:
    """ISBI 2015 longitudinal MS lesions: a row per visit, with the mask of a rater as label.

    Patients ``training01 ... training05`` become the training section, ``test01 ...`` the test section. The folder of a
    patient contains ``preprocessed/<patient>_<visit>_<modality>_pp.nii`` in one space,
    ``orig/<patient>_<visit>_<modality>.nii.gz`` as scanned, and ``masks/<patient>_<visit>_mask<rater>.nii``. All visits
    of a patient are in the same fold. The mask of the rater is ``label``; the test set has none.

    Args:
        root: folder of the challenge, at any level above those of the patients.
        output: JSON to write.
        modalities: any of flair, mprage, pd, t2, in the order of the datalist's ``image``.
        rater: rater whose masks are the labels, 1 or 2.
        stage: "preprocessed", or "orig" for pre-training, with one modality and without labels, as the other modalities
            and the masks have other grids.
        incomplete: treatment of incomplete rows: "report" stops with a list of the visits with missing files; "drop"
            omits and logs them.
        num_folds: number of folds by patient; five patients allow five at most.
        seed: random seed for the folds.

    Returns:
        The path written.

    Raises:
        InputError: there are no patients, or visits are incomplete and not dropped.
    """
    root = existing_folder(root)
    expect_choice("stage", stage, ("preprocessed", "orig"))
    if not modalities or any(name not in MODALITIES for name in modalities):
        raise InputError(f"modalities: found {list(modalities)}, expected names of {list(MODALITIES)}")
    if rater not in (1, 2) or (stage == "orig" and len(modalities) > 1):
        raise InputError(
            f"rater, modalities: found {rater} and {len(modalities)}, expected rater 1 or 2, and one modality of 'orig'"
        )
    rows: dict[str, list[dict[str, Any]]] = {"training": [], "test": []}
    problems = []
    for folder, section in _patients(root):
        for visit in _visits(folder, stage):
            labelled = section == "training" and stage == "preprocessed"
            row, lacking = _row(folder, visit, modalities, stage, rater if labelled else None)
            if lacking:
                problems.append(f"patient {folder.name}, visit {visit}: no {', '.join(lacking)}")
            else:
                rows[section].append(row)
    return write_cohort(
        root,
        output,
        rows["training"],
        problems,
        incomplete=incomplete,
        labels=SEGMENTS if stage == "preprocessed" else (),
        name="ISBI 2015 longitudinal MS lesions",
        modality=modalities,
        num_folds=num_folds,
        seed=seed,
        testing=rows["test"],
    )


def _patients(root: Path) -> list[tuple[Path, str]]:
    found = []
    for path in sorted([root, *root.rglob("*")]):
        match = re.fullmatch(r"(training|test)\d+", path.name)
        if match and path.is_dir():
            found.append((path, match[1]))
    if not found:
        raise InputError(f"{root}: found no patient, expected folders training01, training02, ...; correct the path")
    return found


def _visits(folder: Path, stage: str) -> list[str]:
    """Numbers of the visits of a patient with any image, such as 01."""
    names = (re.match(rf"{folder.name}_(\d+)_", path.name) for path in (folder / stage).glob("*.nii*"))
    return sorted({match[1] for match in names if match})


def _row(
    folder: Path, visit: str, modalities: Sequence[str], stage: str, rater: int | None
) -> tuple[dict[str, Any], list[str]]:
    """The row of a visit, and the names of its missing files."""
    ending = "_pp" if stage == "preprocessed" else ""
    wanted = [(f"{stage}/{folder.name}_{visit}_{name}{ending}") for name in modalities]
    if rater:
        wanted.append(f"masks/{folder.name}_{visit}_mask{rater}")
    files = [next((p for e in (".nii", ".nii.gz") if (p := folder / f"{name}{e}").is_file()), None) for name in wanted]
    lacking = [f"{name}.nii" for name, file in zip(wanted, files, strict=True) if file is None]
    paths = [str(file) for file in files]
    images = paths[: len(modalities)]
    row: dict[str, Any] = {"image": images[0] if len(images) == 1 else images, "subject": folder.name}
    row |= {"label": paths[-1]} if rater else {}
    return row | {"session": visit}, lacking
