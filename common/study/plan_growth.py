"""Planning of a study and of a paper's table for a cohort of links, as steps of ``benchmark.py growth``."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np

from ..data import write_datalist
from ..reproduce import Reproduction
from .planning import Wishes, draft_plan

__all__ = ["planning_steps"]

BUNDLE = "siam3d_imbalance"
TABLE = "2"  # of its paper, which has most methods


def _write_lesion(folder: Path) -> None:
    """Write ``lesion.nii`` and its mask ``lesion_mask.nii``: 16^3 voxels of noise with a cube of 6^3."""
    voxels = np.random.default_rng(0).integers(1, 1000, (16, 16, 16)).astype(np.int16)
    mask = np.zeros((16, 16, 16), dtype=np.uint8)
    mask[5:11, 5:11, 5:11] = 1
    for name, array in (("lesion", voxels), ("lesion_mask", mask)):
        nib.save(nib.Nifti1Image(array, np.eye(4)), folder / f"{name}.nii")


def planning_steps(folder: Path, size: int) -> dict[str, Callable[[], object]]:
    """Functions that plan a study and a table for a cohort of four modalities, which are links to one volume.

    The study's plan ends before the timed steps of its trainings, whose time does not depend on the cohort; the
    table's includes the checks of every training before the first one.

    Args:
        folder: folder for the volume, its links, the datalist and the outputs.
        size: number of subjects.
    """
    if not (folder / "lesion.nii").is_file():
        _write_lesion(folder)
    cohort = folder / f"cohort{size}"
    cohort.mkdir()
    rows = []
    for number in range(size):
        images, mask = [f"{number}_{modality}.nii" for modality in range(4)], f"{number}_mask.nii"
        for name, source in [*((image, "lesion.nii") for image in images), (mask, "lesion_mask.nii")]:
            (cohort / name).hardlink_to(folder / source)
        place = {"label": number % 2, "subject": f"subject{number}", "fold": number // 2 % 5}
        rows.append({"image": images, "mask": mask, **place})
    write_datalist(cohort / "datalist.json", rows)
    wishes = Wishes(BUNDLE, cohort, cohort / "study")
    return {"study plan": lambda: draft_plan(wishes), "table plan": lambda: _table(cohort)}


def _table(cohort: Path) -> None:
    options: dict[str, Any] = {"device": "cpu", "cache_dir": str(cohort / "cache"), "box_size": [32, 32, 32]}
    for run in Reproduction(BUNDLE, cohort, cohort / "table", TABLE, **options).runs.values():
        run.check()
