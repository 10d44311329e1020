"""A cohort of brain MR phantoms with multiple sclerosis, for segmentation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import InputError
from ..folds import assign_folds
from .cohort import PhantomCase, PhantomCohort, check_grid, check_modalities, plan_labels, scanner_image
from .ms_lesions import LESION_MODALITIES, lesion_mr
from .scanner import oblique_affine

if TYPE_CHECKING:
    import nibabel as nib

__all__ = ["LesionPhantoms"]

SITES = ("A", "B")


@dataclass(frozen=True)
class LesionPhantoms(PhantomCohort):
    """Brain MR with the lesions of multiple sclerosis, and their masks as labels, for segmentation.

    Lesions are in the white matter, mostly near the ventricles; they are bright on T2 and FLAIR, dark on T1, and
    difficult to distinguish from fluid on T2 alone. Each subject is a folder
    ``<subject>/{t1,t2,flair,lesions}.nii.gz``: skull-stripped int16 images and a uint8 mask. In the datalist, ``label``
    is the path of the mask: load it with ``load_datalist(label="mask")``.

    Args:
        num_subjects: number of subjects.
        shape: voxels left to right, posterior to anterior, inferior to superior, such as 96,96,96. The head fills
            them: 2.5 mm at the default shape is life size.
        spacing: voxel size along these axes in mm.
        modalities: any of T1, T2, FLAIR, in the order of the datalist's ``image``.
        mean_lesions: mean number of lesions of a subject.
        seed: random seed for the cohort: the same seed gives the same files.
        num_folds: number of subject-wise folds.
    """

    generator = "lesions"
    name = "MS lesion phantoms"
    labels = ("background", "lesion")

    num_subjects: int = 20
    shape: tuple[int, int, int] = (64, 64, 64)
    spacing: tuple[float, float, float] = (1.0, 1.0, 1.0)
    modalities: Sequence[str] = LESION_MODALITIES
    mean_lesions: float = 20.0
    seed: int = 0
    num_folds: int = 5

    def _check(self) -> None:
        check_grid(self.shape, self.spacing)
        check_modalities(self.modalities, LESION_MODALITIES)
        if not self.mean_lesions >= 1:
            raise InputError(f"mean_lesions: found {self.mean_lesions!r}, expected a number from 1")

    def _cases(self) -> list[PhantomCase]:
        planned = plan_labels(dict.fromkeys(SITES, (1,)), self.num_subjects)
        return [PhantomCase(f"MS-{i + 1:03d}", label, site, (self.seed, i)) for i, (site, label) in enumerate(planned)]

    def _row(self, case: PhantomCase) -> dict[str, Any]:
        return {
            "image": [f"{case.folder}/{name.lower()}.nii.gz" for name in self.modalities],
            "label": f"{case.folder}/lesions.nii.gz",
            "subject": case.folder,
            "site": case.centre,
        }

    def _folds(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return assign_folds(rows, self.num_folds, self.seed, stratify=None)

    def _draw(self, case: PhantomCase, rng: np.random.Generator) -> dict[str, nib.Nifti1Image]:
        affine = oblique_affine(self.shape, self.spacing, rng)
        images, mask = lesion_mr(self.shape, self.modalities, self.mean_lesions, case.centre, self.seed, rng)
        voxels = dict(zip([name.lower() for name in self.modalities], images, strict=True)) | {"lesions": mask}
        return {f"{name}.nii.gz": scanner_image(array, affine) for name, array in voxels.items()}
