"""A cohort of brain MR phantoms in the layout and with the imbalance of BraTS."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .brain_mr import MR_MODALITIES, brain_mr
from .cohort import PhantomCase, PhantomCohort, check_grid, check_modalities, plan_labels, scanner_image
from .scanner import oblique_affine

if TYPE_CHECKING:
    import nibabel as nib

__all__ = ["BrainPhantoms"]

# Subjects of low and high grade at each centre: Li et al. (2021), Table 1. CBICA has none of low grade.
BRATS_CENTRES = {"CBICA": (0, 125), "TCIA": (65, 98), "TMC": (1, 8), "others": (10, 19)}
GRADE_FOLDERS = ("LGG", "HGG")


@dataclass(frozen=True)
class BrainPhantoms(PhantomCohort):
    """Brain MR with gliomas of low (label 0) and high grade (label 1), with the layout and imbalance of BraTS.

    Low-grade gliomas are smooth and homogeneous with little enhancement and oedema; high-grade gliomas are irregular,
    with a necrotic core, an enhancing rim on T1ce and wide oedema on FLAIR; the two overlap. Centres differ in
    contrast, gain, noise, resolution and bias field. Each subject is a folder as in BraTS,
    ``HGG/<subject>_1/<subject>_1_{flair,t1,t1ce,t2,seg}.nii.gz``: skull-stripped int16 images, a uint8 mask of 1
    (necrotic and non-enhancing core), 2 (oedema) and 4 (enhancing tumour), and an oblique affine with the true spacing.

    Args:
        num_subjects: number of subjects.
        shape: voxels left to right, posterior to anterior, inferior to superior, such as 96,96,96. The head fills
            them: 2.5 mm at the default shape is life size.
        spacing: voxel size along these axes in mm.
        modalities: any of FLAIR, T1, T1ce, T2, in the order of the datalist's ``image``.
        centres: proportions of subjects of low and high grade by centre. The default has three of high grade per one
            of low grade, unequal centres, and a centre without low grade (Li et al. 2021, Table 1).
        separation: distance of the grades in standard deviations of the hidden malignancy. At 2.4 a linear
            classifier on simple features reaches an AUC of about 0.9; at 0 the grades are equal.
        seed: random seed for the cohort: the same seed gives the same files.
        num_folds: number of subject-wise stratified folds.
    """

    generator = "brain"
    name = "brain MR phantoms"
    labels = ("low grade", "high grade")

    num_subjects: int = 40
    shape: tuple[int, int, int] = (64, 64, 64)
    spacing: tuple[float, float, float] = (1.0, 1.0, 1.0)
    modalities: Sequence[str] = MR_MODALITIES
    centres: Mapping[str, Sequence[int]] = field(default_factory=BRATS_CENTRES.copy)
    separation: float = 2.4
    seed: int = 0
    num_folds: int = 5

    def _check(self) -> None:
        check_grid(self.shape, self.spacing)
        check_modalities(self.modalities, MR_MODALITIES)

    def _cases(self) -> list[PhantomCase]:
        numbers: Counter[str] = Counter()
        cases = []
        for index, (centre, label) in enumerate(plan_labels(self.centres, self.num_subjects)):
            numbers[centre] += 1
            folder = f"{GRADE_FOLDERS[label]}/Phantom_{centre}_{numbers[centre]:03d}_1"
            cases.append(PhantomCase(folder, label, centre, (self.seed, index)))
        return cases

    def _row(self, case: PhantomCase) -> dict[str, Any]:
        name = Path(case.folder).name
        return {
            "image": [f"{case.folder}/{name}_{modality.lower()}.nii.gz" for modality in self.modalities],
            "mask": f"{case.folder}/{name}_seg.nii.gz",
            "label": case.label,
            "subject": name.removesuffix("_1"),
            "centre": case.centre,
        }

    def _draw(self, case: PhantomCase, rng: np.random.Generator) -> dict[str, nib.Nifti1Image]:
        affine = oblique_affine(self.shape, self.spacing, rng)
        is_high_grade = case.label == 1
        images, mask = brain_mr(
            self.shape, self.modalities, is_high_grade, self.separation, case.centre, self.seed, rng
        )
        voxels = dict(zip(self.modalities, images, strict=True)) | {"seg": mask}
        name = Path(case.folder).name
        return {f"{name}_{key.lower()}.nii.gz": scanner_image(array, affine) for key, array in voxels.items()}
