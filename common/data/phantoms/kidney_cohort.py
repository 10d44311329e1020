"""A cohort of abdominal CT phantoms with kidney tumours, with the layout and imbalance of KiTS19."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ...errors import InputError
from ...files import write_atomically
from ..balance import balance_classes
from ..cohorts.kits import KITS_LABELS, KITS_TABLE, kits_datalist, kits_pretraining_path
from ..folds import assign_folds
from .cohort import PhantomCase, PhantomCohort, check_sizes, plan_labels
from .kidney_ct import kidney_ct
from .scanner import scanner_of

if TYPE_CHECKING:
    import nibabel as nib

__all__ = ["KidneyPhantoms", "as_kits"]

FIELD_OF_VIEW = 340.0  # mm, left to right
HEIGHT = 168.0  # mm, all slices together
OTHERS = "angiomyolipoma", "urothelial", "rcc_unclassified"
CENTRES = "A", "B", "C", "D"


@dataclass(frozen=True)
class KidneyPhantoms(PhantomCohort):
    """Abdominal CT with kidney tumours of four subtypes (labels 0 to 3) or others, in the layout of KiTS19.

    Clear cell carcinomas enhance strongly and are heterogeneous and partly necrotic; papillary carcinomas enhance
    little; chromophobe carcinomas are homogeneous; oncocytomas have a central scar. The subtypes overlap. The layout is
    that of KiTS19: ``case_xxxxx/{imaging,segmentation}.nii.gz`` in Hounsfield units with slices along the first axis
    from head to feet (the axes are IPL), masks of kidneys (1) and tumour (2), and ``kits.json``, from which
    :func:`~common.data.cohorts.kits_datalist` writes ``datalist.json`` with labels and folds, and
    ``datalist_pretraining.json`` without.

    Args:
        num_subjects: number of subjects.
        sizes: minimum and maximum number of pixels from left to right (340 mm), such as 96,128; there are fewer from
            back to front.
        thickness: minimum and maximum distance of slices in mm, such as 3,8, so that tumours have few or many slices.
        subtype_counts: proportions of clear cell, papillary and chromophobe carcinoma, oncocytoma and other tumours.
            KiTS19 has 143, 21, 19, 10 and 17, too imbalanced for small cohorts: the default is less so.
        clear_cell: number of cases of clear cell carcinoma to keep for classification; ``None``: all of them.
        separation: factor of the distances between the subtypes; at 0 the subtypes are equal.
        seed: random seed for the cohort: the same seed gives the same files.
        num_folds: number of subject-wise stratified folds.
    """

    generator = "kidney"

    num_subjects: int = 50
    sizes: tuple[int, int] = (96, 128)
    thickness: tuple[float, float] = (3.0, 8.0)
    subtype_counts: Sequence[int] = (24, 8, 8, 6, 4)
    clear_cell: int | None = 8
    separation: float = 2.5
    seed: int = 0
    num_folds: int = 5

    def _check(self) -> None:
        check_sizes(self.sizes, 32)
        thickness, counts = self.thickness, self.subtype_counts
        pair = isinstance(thickness, Sequence) and len(thickness) == 2
        if not pair or not all(isinstance(value, int | float) for value in thickness):
            raise InputError(f"thickness: found {thickness!r}, expected two numbers in mm, such as 3,8")
        if not 0.5 <= thickness[0] <= thickness[1] <= 12:
            raise InputError(f"thickness: found {thickness!r}, expected 0.5 to 12 mm, the first not above the second")
        if not isinstance(counts, Sequence) or len(counts) != len(KITS_LABELS) + 1:
            names = ", ".join(KITS_LABELS)
            raise InputError(f"subtype_counts: found {counts!r}, expected one number for each of {names}, other")

    def _cases(self) -> list[PhantomCase]:
        """Cases with subtypes in random order, so that the number of a case does not reveal its subtype."""
        planned = plan_labels(dict.fromkeys(CENTRES, self.subtype_counts), self.num_subjects)
        order = np.random.default_rng(self.seed).permutation(len(planned))
        return [
            PhantomCase(f"case_{number:05d}", planned[index][1], planned[index][0], (self.seed, number))
            for number, index in enumerate(order)
        ]

    def _folds(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        rows = [row for row in rows if row["label"] < len(KITS_LABELS)]
        if self.clear_cell is not None and any(row["label"] == 0 for row in rows):
            rows, _ = balance_classes(rows, {0: self.clear_cell}, self.seed)
        return assign_folds(rows, self.num_folds, self.seed)

    def _draw(self, case: PhantomCase, rng: np.random.Generator) -> dict[str, nib.Nifti1Image]:
        width = int(rng.integers(self.sizes[0], self.sizes[1] + 1))
        distance = round(float(rng.uniform(*self.thickness)), 2)
        pixel = FIELD_OF_VIEW / width
        shape, spacing = (width, round(0.74 * width), round(HEIGHT / distance)), (pixel, pixel, distance)
        scanner = scanner_of(case.centre, 1, self.seed)
        image, mask = kidney_ct(shape, spacing, _subtype(case), self.separation, scanner, rng)
        return {"imaging.nii.gz": as_kits(image, spacing), "segmentation.nii.gz": as_kits(mask, spacing)}

    def _is_written(self, datalist: Path) -> bool:
        return datalist.is_file() and kits_pretraining_path(datalist).is_file()

    def _write(self, datalist: Path, cases: Sequence[PhantomCase], rows: Sequence[dict[str, Any]]) -> None:
        table = [{"case_id": case.folder, "tumor_histologic_subtype": _subtype(case)} for case in cases]
        write_atomically(datalist.with_name(KITS_TABLE), json.dumps(table, indent=2) + "\n")
        kits_datalist(datalist.parent, datalist, clear_cell=self.clear_cell, num_folds=self.num_folds, seed=self.seed)


def _subtype(case: PhantomCase) -> str:
    """Name in the table; one of three for other tumours."""
    if case.label < len(KITS_LABELS):
        return KITS_LABELS[case.label]
    return str(np.random.default_rng([*case.seed, 1]).choice(OTHERS))


def as_kits(voxels: np.ndarray, spacing: Sequence[float]) -> nib.Nifti1Image:
    """A NIfTI image in the orientation of KiTS19: slices first, from head to feet.

    Args:
        voxels: image ``HxWxD`` from left to right, posterior to anterior, inferior to superior.
        spacing: voxel size along these axes in mm.
    """
    import nibabel as nib

    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = -np.array(spacing) * (np.array(voxels.shape) - 1) / 2
    codes = nib.orientations.axcodes2ornt
    image = nib.Nifti1Image(voxels, affine).as_reoriented(nib.orientations.ornt_transform(codes("RAS"), codes("IPL")))
    image.set_sform(image.affine, code=1)
    image.set_qform(image.affine, code=1)
    image.header.set_xyzt_units("mm")
    return image
