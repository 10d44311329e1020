"""A cohort of liver MR phantoms: transverse slices or volumes in three modalities, two stages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import InputError
from .cohort import PhantomCase, PhantomCohort, check_modalities, check_sizes, plan_labels, scanner_image
from .liver_mr import LIVER_MODALITIES, liver_mr
from .scanner import oblique_affine

if TYPE_CHECKING:
    import nibabel as nib

__all__ = ["LiverPhantoms"]

FIELD_OF_VIEW = 380.0  # mm, left to right
SLICE_DISTANCE = 8.0  # mm


@dataclass(frozen=True)
class LiverPhantoms(PhantomCohort):
    """Liver MR (T1, T2, out of phase) with tumours of stage 1 (label 0) or 2 (label 1), as slices or volumes.

    The modalities show one anatomy in different contrasts: fat is bright on T1 and cancels with water in the
    out-of-phase image, fluid is bright on T2. Tumours of stage 2 are larger, less regular, more heterogeneous and
    brighter on T2, contain less fat and have more satellites; the stages overlap. Each subject is a folder
    ``<subject>/{t1,t2,out,mask}.nii.gz``: int16 images, and a uint8 mask of the liver (1) and its tumour (2). Matrix
    sizes vary between subjects, the field of view is 380 mm wide, and the affine is oblique with the true spacing.

    Args:
        num_subjects: number of subjects.
        sizes: minimum and maximum number of pixels from left to right, such as 160,260; there are fewer from back to
            front.
        spatial_dims: 2 for one transverse slice through the tumour; 3 for volumes of thick slices.
        num_slices: number of slices of a volume, 8 mm apart.
        modalities: any of T1, T2, OUT, in the order of the datalist's ``image``.
        stage_counts: proportions of stages 1 and 2; the default is that of Chiang et al. (2023).
        separation: distance of the stages in standard deviations of the hidden severity: 1.8 gives an AUC of about 0.9,
            at 0 the stages are equal.
        seed: random seed for the cohort: the same seed gives the same files.
        num_folds: number of subject-wise stratified folds.
    """

    generator = "liver"
    name = "liver MR phantoms"
    labels = ("stage 1", "stage 2")

    num_subjects: int = 40
    sizes: tuple[int, int] = (160, 260)
    spatial_dims: int = 2
    num_slices: int = 16
    modalities: Sequence[str] = LIVER_MODALITIES
    stage_counts: Sequence[int] = (88, 50)
    separation: float = 1.8
    seed: int = 0
    num_folds: int = 5

    def _check(self) -> None:
        check_sizes(self.sizes, 24)
        if self.spatial_dims not in (2, 3):
            raise InputError(f"spatial_dims: found {self.spatial_dims!r}, expected 2 or 3")
        if not isinstance(self.num_slices, int) or self.num_slices < 2:
            raise InputError(f"num_slices: found {self.num_slices!r}, expected an integer from 2")
        check_modalities(self.modalities, LIVER_MODALITIES)

    def _cases(self) -> list[PhantomCase]:
        planned = plan_labels({"phantom": self.stage_counts}, self.num_subjects)
        return [
            PhantomCase(f"LIVER-{index + 1:03d}", label, centre, (self.seed, index))
            for index, (centre, label) in enumerate(planned)
        ]

    def _row(self, case: PhantomCase) -> dict[str, Any]:
        return {
            "image": [f"{case.folder}/{name.lower()}.nii.gz" for name in self.modalities],
            "mask": f"{case.folder}/mask.nii.gz",
            "label": case.label,
            "subject": case.folder,
        }

    def _draw(self, case: PhantomCase, rng: np.random.Generator) -> dict[str, nib.Nifti1Image]:
        width = int(rng.integers(self.sizes[0], self.sizes[1] + 1))
        shape = (width, round(width * rng.uniform(0.7, 0.85)), 1 if self.spatial_dims == 2 else self.num_slices)
        pixel = FIELD_OF_VIEW / width
        affine = oblique_affine(shape, (pixel, pixel, SLICE_DISTANCE), rng)
        images, mask = liver_mr(shape, self.modalities, case.label == 1, self.separation, case.centre, self.seed, rng)
        voxels = dict(zip([name.lower() for name in self.modalities], images, strict=True)) | {"mask": mask}
        files = {f"{name}.nii.gz": scanner_image(array, affine) for name, array in voxels.items()}
        return files if self.spatial_dims == 3 else {name: _slice(image) for name, image in files.items()}


def _slice(volume: nib.Nifti1Image) -> nib.Nifti1Image:
    """A volume of one slice as an image with two axes, whose header keeps the position of the slice."""
    import nibabel as nib

    image = nib.Nifti1Image(np.asarray(volume.dataobj)[..., 0], volume.affine, volume.header)
    image.set_qform(volume.affine, code=1)
    return image
