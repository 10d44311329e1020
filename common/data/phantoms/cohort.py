"""Writing a phantom cohort: once, in parallel, and never half."""

from __future__ import annotations

import json
import logging
import math
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel as nib
import numpy as np
from joblib import Parallel, cpu_count, delayed
from tqdm import tqdm

from ...errors import InputError
from ...files import write_atomically

__all__ = ["PhantomCase", "begin_cohort", "check_grid", "draw_cases", "plan_labels", "scanner_image"]

logger = logging.getLogger(__name__)

# Part of what makes a cohort: raise it when the drawing changes, and an old folder is not taken for a new one.
PHANTOM_VERSION = 1
MANIFEST = "phantom.json"


@dataclass(frozen=True)
class PhantomCase:
    """One subject to draw.

    Attributes:
        folder: of its files, relative to the cohort's.
        label: its class.
        centre: where it was scanned.
        seed: of everything that is its own, so that the order of drawing doesn't matter.
    """

    folder: str
    label: int
    centre: str
    seed: tuple[int, ...]


def check_grid(shape: Sequence[int], spacing: Sequence[float]) -> None:
    """Check the arguments that all cohorts share.

    Raises:
        InputError: unless both have three entries, of at least 16 voxels and of more than 0 mm.
    """
    for name, value, kind, least in (("shape", shape, int, 16), ("spacing", spacing, int | float, 1e-6)):
        fits = isinstance(value, Sequence) and not isinstance(value, str) and len(value) == 3
        if not fits or not all(isinstance(item, kind) and item >= least for item in value):
            what = f"three integers from {least}" if kind is int else "three positive numbers in mm"
            raise InputError(
                f"{name}: found {value!r}, expected {what}, such as {'64,64,64' if kind is int else '1,1,1'}"
            )


def plan_labels(counts: Mapping[str, Sequence[int]], num_subjects: int) -> list[tuple[str, int]]:
    """Share subjects out to centres and classes in the proportions of ``counts``, by largest remainder.

    Args:
        counts: for each centre, the cohort's number of subjects of each class.
        num_subjects: how many to share out.

    Returns:
        Centre and class of each subject, sorted by both.
    """
    cells = [(centre, label, count) for centre, row in counts.items() for label, count in enumerate(row)]
    total = sum(count for *_, count in cells)
    if total <= 0 or min(count for *_, count in cells) < 0:
        raise InputError(f"centres: found {dict(counts)}, expected counts of each class from 0, not all 0")
    exact = [num_subjects * count / total for *_, count in cells]
    shares = [math.floor(share) for share in exact]
    by_remainder = sorted(range(len(cells)), key=lambda i: shares[i] - exact[i])
    for i in by_remainder[: num_subjects - sum(shares)]:
        shares[i] += 1
    return [(centre, label) for (centre, label, _), share in zip(cells, shares, strict=True) for _ in range(share)]


def scanner_image(voxels: np.ndarray, affine: np.ndarray) -> nib.Nifti1Image:
    """A NIfTI image in LPS order, as BraTS stores it, with the affine in both of the header's forms.

    Args:
        voxels: left to right, posterior to anterior, inferior to superior, ``HxWxD``.
        affine: of these voxels to RAS millimetres.
    """
    image = nib.Nifti1Image(voxels, affine).as_reoriented(np.array([[0, -1], [1, -1], [2, 1]]))
    image.set_sform(image.affine, code=1)
    image.set_qform(image.affine, code=1)
    image.header.set_xyzt_units("mm")
    return image


def begin_cohort(output_dir: str | os.PathLike, arguments: Mapping[str, Any]) -> Path:
    """Make the folder, note in it what it will hold, and refuse one that holds something else.

    Raises:
        InputError: when it was made with other arguments, or holds a datalist of other origin.
    """
    output_dir = Path(output_dir)
    wanted = json.loads(json.dumps({"version": PHANTOM_VERSION, **arguments}))
    manifest = output_dir / MANIFEST
    if manifest.is_file():
        found = json.loads(manifest.read_text())
        if found != wanted:
            names = [key for key in sorted(wanted.keys() | found.keys()) if wanted.get(key) != found.get(key)]
            changes = ", ".join(f"{key} {found.get(key)!r} (now {wanted.get(key)!r})" for key in names)
            raise InputError(f"{output_dir}: found phantoms with {changes}; choose another folder or delete this one")
    elif (output_dir / "datalist.json").exists():
        raise InputError(f"{output_dir}: found a datalist that is not of phantoms, expected a new folder; choose one")
    else:
        write_atomically(manifest, json.dumps(wanted, indent=2) + "\n")
    return output_dir


def draw_cases(
    output_dir: Path,
    cases: Sequence[PhantomCase],
    draw: Callable[[PhantomCase, np.random.Generator], Mapping[str, nib.Nifti1Image]],
    num_workers: int | None = None,
) -> int:
    """Draw the cases that are not there yet.

    A case is written to a temporary folder that is then renamed: it is there with all its files or not at all.

    Args:
        output_dir: the cohort's folder.
        cases: all its cases.
        draw: gives a case's images by file name.
        num_workers: threads (scipy and zlib let others run); ``None`` for one per core.

    Returns:
        How many were drawn.
    """
    missing = [case for case in cases if not (output_dir / case.folder).is_dir()]

    def write(case: PhantomCase) -> None:
        final = output_dir / case.folder
        partial = final.with_name(f".partial-{final.name}")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        for name, image in draw(case, np.random.default_rng(case.seed)).items():
            nib.save(image, partial / name)
        os.replace(partial, final)

    jobs = Parallel(num_workers or cpu_count(), prefer="threads", return_as="generator_unordered")(
        delayed(write)(case) for case in missing
    )
    for _ in tqdm(jobs, total=len(missing), desc="drawing phantoms", unit="subject", disable=not missing):
        pass
    if not missing:
        logger.info("%s: all %d phantoms are there already; nothing to do", output_dir, len(cases))
    return len(missing)
