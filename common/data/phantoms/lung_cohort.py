"""A cohort of chest CT phantoms in the layout and with the imbalance of NSCLC-Radiomics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...files import write_atomically
from ..cohorts.nsclc import CLINICAL_FILE, STAGES
from .cohort import PhantomCase, PhantomCohort, check_grid, plan_labels, scanner_image
from .lung_ct import lung_ct
from .scanner import oblique_affine, scanner_of

if TYPE_CHECKING:
    import nibabel as nib

__all__ = ["LungPhantoms"]


@dataclass(frozen=True)
class LungPhantoms(PhantomCohort):
    """Chest CT and lung tumours of stage I, II or III (labels 0, 1, 2), with layout and imbalance of NSCLC-Radiomics.

    The stage affects tumour size, hilar and mediastinal lymph nodes and effusion; the stages overlap. Each
    subject is a folder ``<subject>/{image,lung_mask}.nii.gz``: an int16 image in Hounsfield units and a uint8 mask of
    the right (1) and left lung (2) and the tumour (3). Beside them is a clinical table like that of NSCLC-Radiomics.

    Args:
        num_subjects: number of subjects.
        shape: voxels left to right, posterior to anterior, inferior to superior, such as 96,96,96. The chest fills
            them.
        spacing: voxel size along these axes in mm; 5 mm at the default shape is life size.
        stage_counts: proportions of stages I, II and III; the default is that of Li et al. (2021).
        separation: distance of neighbouring stages in standard deviations of the hidden severity; at 0 the stages are
            equal.
        seed: random seed for the cohort: the same seed gives the same files.
        num_folds: number of subject-wise stratified folds.
    """

    generator = "lung"
    name = "chest CT phantoms"
    labels = ("I", "II", "III")
    modalities = ("CT",)

    num_subjects: int = 45
    shape: tuple[int, int, int] = (64, 64, 64)
    spacing: tuple[float, float, float] = (5.0, 5.0, 5.0)
    stage_counts: Sequence[int] = (2, 1, 6)
    separation: float = 1.5
    seed: int = 0
    num_folds: int = 5

    def _check(self) -> None:
        check_grid(self.shape, self.spacing)

    def _cases(self) -> list[PhantomCase]:
        planned = plan_labels({"phantom": self.stage_counts}, self.num_subjects)
        return [
            PhantomCase(f"PHANTOM1-{index + 1:03d}", label, centre, (self.seed, index))
            for index, (centre, label) in enumerate(planned)
        ]

    def _row(self, case: PhantomCase) -> dict[str, Any]:
        return {
            "image": f"{case.folder}/image.nii.gz",
            "mask": f"{case.folder}/lung_mask.nii.gz",
            "label": case.label,
            "subject": case.folder,
        }

    def _draw(self, case: PhantomCase, rng: np.random.Generator) -> dict[str, nib.Nifti1Image]:
        affine = oblique_affine(self.shape, self.spacing, rng, max_degrees=3.0)
        image, mask = lung_ct(self.shape, case.label, self.separation, scanner_of(case.centre, 1, self.seed), rng)
        return {"image.nii.gz": scanner_image(image, affine), "lung_mask.nii.gz": scanner_image(mask, affine)}

    def _write(self, datalist: Path, cases: Sequence[PhantomCase], rows: Sequence[dict[str, Any]]) -> None:
        stages = {label: stage for stage, label in reversed(STAGES.items())}
        lines = ["PatientID,Overall.Stage", *(f"{case.folder},{stages[case.label]}" for case in cases)]
        write_atomically(datalist.with_name(CLINICAL_FILE), "\n".join(lines) + "\n")
        super()._write(datalist, cases, rows)
