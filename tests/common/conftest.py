"""Small cohorts to break in every way."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
import pytest

SHAPE = (8, 9, 10)


class Cohort:
    """Six subjects with two modalities, a mask, and folds, in a folder; tests change one thing and load it."""

    affine = np.diag([2.0, 2.0, 3.0, 1.0])

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.path = folder / "datalist.json"
        self.rows: list[dict] = []
        self.content: dict[str, Any] = {"labels": {"0": "low", "1": "high"}, "training": self.rows}
        for i in range(6):
            for modality in ("t1", "t2"):
                self.nifti(f"s{i}_{modality}.nii.gz", self.noise(seed=i))
            self.nifti(f"s{i}_seg.nii.gz", self.box())
            row = {"image": [f"s{i}_t1.nii.gz", f"s{i}_t2.nii.gz"], "mask": f"s{i}_seg.nii.gz"}
            self.rows.append(row | {"label": i % 2, "subject": f"s{i}", "fold": i // 2, "centre": "A"})

    @staticmethod
    def noise(shape: tuple[int, ...] = SHAPE, seed: int = 0) -> np.ndarray:
        return np.random.default_rng(seed).integers(0, 1000, shape).astype(np.int16)

    @staticmethod
    def box(shape: tuple[int, ...] = SHAPE, value: int = 1) -> np.ndarray:
        mask = np.zeros(shape, dtype=np.uint8)
        mask[2:5, 2:5, 2:5] = value
        return mask

    def nifti(self, name: str, voxels: np.ndarray, affine: np.ndarray | None = None) -> Path:
        path = self.folder / name
        nib.save(nib.Nifti1Image(voxels, self.affine if affine is None else affine), path)
        return path

    def save(self) -> Path:
        self.path.write_text(json.dumps(self.content))
        return self.path


@pytest.fixture
def cohort(tmp_path: Path) -> Cohort:
    folder = tmp_path / "cohort"
    folder.mkdir()
    return Cohort(folder)
