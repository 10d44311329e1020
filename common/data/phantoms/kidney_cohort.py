"""A cohort of abdominal CT phantoms with kidney tumours in the layout of KiTS19 and imbalanced as it is."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path

import nibabel as nib
import numpy as np

from ...errors import InputError
from ...files import write_atomically
from ..balance import balance_classes
from ..cohorts.kits import KITS_LABELS, KITS_TABLE, kits_datalist, kits_pretraining_path
from ..folds import assign_folds
from .cohort import PhantomCase, begin_cohort, draw_cases, plan_labels
from .kidney_ct import kidney_ct
from .scanner import scanner_of

__all__ = ["as_kits", "make_kidney_phantoms"]

FIELD_OF_VIEW = 340.0  # mm, left to right
HEIGHT = 168.0  # mm, of the slices together
OTHERS = "angiomyolipoma", "urothelial", "rcc_unclassified"
CENTRES = "A", "B", "C", "D"


def make_kidney_phantoms(
    output_dir: str | os.PathLike,
    num_subjects: int = 50,
    sizes: Sequence[int] = (96, 128),
    thickness: Sequence[float] = (3.0, 8.0),
    subtype_counts: Sequence[int] = (24, 8, 8, 6, 4),
    clear_cell: int | None = 8,
    separation: float = 2.5,
    seed: int = 0,
    num_folds: int = 5,
    num_workers: int | None = None,
) -> Path:
    """Make CT volumes of the abdomen in Hounsfield units with a kidney tumour of one of four subtypes, or of another.

    Clear cell carcinomas take up much contrast agent, are uneven and partly necrotic; papillary ones take up little;
    chromophobe ones are even; oncocytomas have a central scar. The subtypes overlap. The files lie as those of KiTS19:
    ``case_xxxxx/{imaging,segmentation}.nii.gz``, slices along the first axis from head to feet (the axes are IPL), mask
    of kidneys (1) and tumour (2), and ``kits.json``. :func:`~common.data.kits_datalist` reads them: into
    ``datalist.json``, with labels and folds, and ``datalist_pretraining.json`` without.

    Runs can be interrupted and repeated as those of
    :func:`~common.data.phantoms.brain_cohort.make_brain_phantoms`.

    Args:
        output_dir: the cohort's folder.
        num_subjects: size of the cohort.
        sizes: least and greatest number of pixels from left to right (340 mm); there are fewer from back to front.
        thickness: least and greatest distance of slices in mm, so that tumours have few slices or many.
        subtype_counts: proportions of clear cell, papillary and chromophobe carcinoma, oncocytoma and other tumours.
            KiTS19 has 143, 21, 19, 10 and 17, too uneven for small cohorts: the default is less so.
        clear_cell: cases of clear cell carcinoma to keep for classification; ``None``: all of them.
        separation: how far apart the subtypes' means are; at 0 there is nothing to learn.
        seed: of the whole cohort.
        num_folds: subject-wise stratified folds.
        num_workers: threads; default: one per core.

    Returns:
        The path of ``datalist.json``.

    Raises:
        InputError: when an argument makes no sense, there are too few subjects of a subtype for the folds, or the
            folder holds another cohort.
    """
    _check(sizes, thickness, subtype_counts)
    planned = plan_labels(dict.fromkeys(CENTRES, subtype_counts), num_subjects)
    # In random order, or the case's number would tell the subtype.
    order = np.random.default_rng(seed).permutation(len(planned))
    cases = [
        PhantomCase(f"case_{number:05d}", planned[index][1], planned[index][0], (seed, number))
        for number, index in enumerate(order)
    ]
    _check_folds(cases, clear_cell, num_folds, seed)
    arguments = {
        "generator": "kidney",
        "num_subjects": num_subjects,
        "sizes": list(sizes),
        "thickness": [float(value) for value in thickness],
        "subtype_counts": list(subtype_counts),
        "clear_cell": clear_cell,
        "separation": float(separation),
        "seed": seed,
        "num_folds": num_folds,
    }
    output_dir = begin_cohort(output_dir, arguments)

    def draw(case: PhantomCase, rng: np.random.Generator) -> dict[str, nib.Nifti1Image]:
        width, distance = int(rng.integers(sizes[0], sizes[1] + 1)), round(float(rng.uniform(*thickness)), 2)
        pixel = FIELD_OF_VIEW / width
        shape, spacing = (width, round(0.74 * width), round(HEIGHT / distance)), (pixel, pixel, distance)
        scanner = scanner_of(case.centre, 1, seed)
        image, mask = kidney_ct(shape, spacing, _subtype(case), separation, scanner, rng)
        return {"imaging.nii.gz": as_kits(image, spacing), "segmentation.nii.gz": as_kits(mask, spacing)}

    datalist = output_dir / "datalist.json"
    drawn = draw_cases(output_dir, cases, draw, num_workers)
    if not drawn and datalist.is_file() and kits_pretraining_path(datalist).is_file():
        return datalist
    table = [{"case_id": case.folder, "tumor_histologic_subtype": _subtype(case)} for case in cases]
    write_atomically(output_dir / KITS_TABLE, json.dumps(table, indent=2) + "\n")
    return kits_datalist(output_dir, datalist, clear_cell=clear_cell, num_folds=num_folds, seed=seed)


def _check(sizes: Sequence[int], thickness: Sequence[float], subtype_counts: Sequence[int]) -> None:
    """Raise :class:`InputError` for arguments that make no cohort."""
    pair = isinstance(sizes, Sequence) and len(sizes) == 2 and all(isinstance(size, int) for size in sizes)
    if not pair or not 32 <= sizes[0] <= sizes[1]:
        raise InputError(f"sizes: found {sizes!r}, expected two integers from 32, the first not above the second")
    pair = isinstance(thickness, Sequence) and len(thickness) == 2
    if not pair or not all(isinstance(value, int | float) for value in thickness):
        raise InputError(f"thickness: found {thickness!r}, expected two numbers in mm, such as 3,8")
    if not 0.5 <= thickness[0] <= thickness[1] <= 12:
        raise InputError(f"thickness: found {thickness!r}, expected 0.5 to 12 mm, the first not above the second")
    if not isinstance(subtype_counts, Sequence) or len(subtype_counts) != len(KITS_LABELS) + 1:
        raise InputError(
            f"subtype_counts: found {subtype_counts!r}, expected one number for each of {', '.join(KITS_LABELS)}, other"
        )


def _check_folds(cases: Sequence[PhantomCase], clear_cell: int | None, num_folds: int, seed: int) -> None:
    """Raise :class:`InputError` where the datalist could not be made, before anything is drawn."""
    rows = [{"subject": case.folder, "label": case.label} for case in cases if case.label < len(KITS_LABELS)]
    if clear_cell is not None and any(row["label"] == 0 for row in rows):
        rows, _ = balance_classes(rows, {0: clear_cell}, seed)
    assign_folds(rows, num_folds, seed)


def _subtype(case: PhantomCase) -> str:
    """Name in the table; of other tumours one of three."""
    if case.label < len(KITS_LABELS):
        return KITS_LABELS[case.label]
    return str(np.random.default_rng([*case.seed, 1]).choice(OTHERS))


def as_kits(voxels: np.ndarray, spacing: Sequence[float]) -> nib.Nifti1Image:
    """A NIfTI image as KiTS19 stores it: slices first, from head to feet.

    Args:
        voxels: left to right, posterior to anterior, inferior to superior, ``HxWxD``.
        spacing: of these axes in mm.
    """
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = -np.array(spacing) * (np.array(voxels.shape) - 1) / 2
    codes = nib.orientations.axcodes2ornt
    image = nib.Nifti1Image(voxels, affine).as_reoriented(nib.orientations.ornt_transform(codes("RAS"), codes("IPL")))
    image.set_sform(image.affine, code=1)
    image.set_qform(image.affine, code=1)
    image.header.set_xyzt_units("mm")
    return image
