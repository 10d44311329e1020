"""Phantom cohorts: described by a dataclass, and written in parallel, each case completely or not at all."""

from __future__ import annotations

import json
import logging
import math
import os
import shutil
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import Field, asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
from joblib import Parallel, cpu_count, delayed
from tqdm import tqdm

from ...errors import InputError
from ...files import write_atomically
from ..datalist_writer import write_datalist
from ..folds import assign_folds

if TYPE_CHECKING:
    import nibabel as nib

__all__ = [
    "PhantomCase",
    "PhantomCohort",
    "check_grid",
    "check_modalities",
    "check_sizes",
    "plan_labels",
    "scanner_image",
]

logger = logging.getLogger(__name__)

# Part of the manifest: increase it when the drawing changes, so that old folders are refused.
PHANTOM_VERSION = 1
MANIFEST = "phantom.json"


@dataclass(frozen=True)
class PhantomCase:
    """One subject to draw.

    Attributes:
        folder: folder of its files, relative to that of the cohort.
        label: index of its class.
        centre: name of the centre with its scanner.
        seed: random seed for all its properties, so that the order of drawing does not matter.
    """

    folder: str
    label: int
    centre: str
    seed: tuple[int, ...]


def check_grid(shape: Sequence[int], spacing: Sequence[float]) -> None:
    """Check the grid of the volumes of a cohort.

    Raises:
        InputError: not both have three entries, of at least 16 voxels and more than 0 mm.
    """
    for name, value, kind, least in (("shape", shape, int, 16), ("spacing", spacing, int | float, 1e-6)):
        fits = isinstance(value, Sequence) and not isinstance(value, str) and len(value) == 3
        if not fits or not all(isinstance(item, kind) and item >= least for item in value):
            what = f"three integers from {least}" if kind is int else "three positive numbers in mm"
            raise InputError(
                f"{name}: found {value!r}, expected {what}, such as {'64,64,64' if kind is int else '1,1,1'}"
            )


def check_sizes(sizes: Sequence[int], least: int) -> None:
    """Check the range of the widths of a cohort in pixels.

    Raises:
        InputError: they are not two integers from ``least``, the first not above the second.
    """
    pair = isinstance(sizes, Sequence) and len(sizes) == 2 and all(isinstance(size, int) for size in sizes)
    if not pair or not least <= sizes[0] <= sizes[1]:
        raise InputError(f"sizes: found {sizes!r}, expected two integers from {least}, the first not above the second")


def check_modalities(modalities: Sequence[str], known: Sequence[str]) -> None:
    """Check the names of the modalities of a cohort.

    Raises:
        InputError: there is none, or an unknown one.
    """
    if not modalities or any(name not in known for name in modalities):
        raise InputError(f"modalities: found {list(modalities)}, expected names of {list(known)}")


def plan_labels(counts: Mapping[str, Sequence[int]], num_subjects: int) -> list[tuple[str, int]]:
    """Distribute subjects over centres and classes in the proportions of ``counts``, by largest remainder.

    Args:
        counts: number of subjects of each class, by centre.
        num_subjects: number of subjects to distribute.

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
    """A NIfTI image in LPS order, as in BraTS, with the affine as sform and qform.

    Args:
        voxels: image ``HxWxD`` from left to right, posterior to anterior, inferior to superior.
        affine: matrix from these voxels to RAS millimetres.
    """
    import nibabel as nib

    image = nib.Nifti1Image(voxels, affine).as_reoriented(np.array([[0, -1], [1, -1], [2, 1]]))
    image.set_sform(image.affine, code=1)
    image.set_qform(image.affine, code=1)
    image.header.set_xyzt_units("mm")
    return image


class PhantomCohort(ABC):
    """Base class of cohorts: frozen dataclasses whose fields determine the cohort and are its manifest.

    Subclasses define the cases, draw each of them, and write the tables and the datalist.
    """

    generator: ClassVar[str]
    name: ClassVar[str] = ""
    labels: ClassVar[tuple[str, ...]] = ()

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]  # set by the decorator of subclasses
    num_subjects: int
    seed: int
    num_folds: int

    def make(self, output: str | os.PathLike, num_workers: int | None = None) -> Path:
        """Make the cohort.

        Existing cases are kept, so that an interrupted run continues and a finished one does nothing. The same fields
        give the same files for any number of workers.

        Args:
            output: folder to make, with the datalist.json for the bundles.
            num_workers: number of threads; default: one per core.

        Returns:
            The path of ``datalist.json``.

        Raises:
            InputError: a field is invalid, a class has too few subjects for the folds, or the folder contains another
                cohort.
        """
        self._check()
        cases = self._cases()
        rows = self._folds([self._row(case) for case in cases])
        folder = self._begin(Path(output))
        drawn = self._draw_missing(folder, cases, num_workers)
        datalist = folder / "datalist.json"
        if drawn or not self._is_written(datalist):
            self._write(datalist, cases, rows)
        return datalist

    @abstractmethod
    def _check(self) -> None:
        """Raise InputError for invalid fields."""

    @abstractmethod
    def _cases(self) -> list[PhantomCase]:
        """All cases."""

    @abstractmethod
    def _draw(self, case: PhantomCase, rng: np.random.Generator) -> Mapping[str, Any]:
        """The images of a case by file name: NIfTI images, unless ``_save`` is overridden."""

    def _row(self, case: PhantomCase) -> dict[str, Any]:
        """The datalist row of a case."""
        return {"subject": case.folder, "label": case.label}

    def _folds(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """The rows with their folds; raises InputError, before anything is drawn, for too few subjects."""
        return assign_folds(rows, self.num_folds, self.seed)

    def _is_written(self, datalist: Path) -> bool:
        return datalist.is_file()

    def _write(self, datalist: Path, cases: Sequence[PhantomCase], rows: Sequence[dict[str, Any]]) -> None:
        """Write the datalist, after the tables of the layout."""
        modalities = getattr(self, "modalities", None)
        write_datalist(datalist, rows, labels=self.labels, name=self.name, modality=modalities)

    def _begin(self, folder: Path) -> Path:
        """Make the folder and write the manifest, or refuse a folder with other content."""
        wanted = json.loads(json.dumps({"version": PHANTOM_VERSION, "generator": self.generator, **asdict(self)}))
        manifest = folder / MANIFEST
        if manifest.is_file():
            found = json.loads(manifest.read_text())
            if found != wanted:
                names = [key for key in sorted(wanted.keys() | found.keys()) if wanted.get(key) != found.get(key)]
                changes = ", ".join(f"{key} {found.get(key)!r} (now {wanted.get(key)!r})" for key in names)
                raise InputError(f"{folder}: found phantoms with {changes}; choose another folder or delete this one")
        elif (folder / "datalist.json").exists():
            raise InputError(f"{folder}: found another datalist, expected a new folder; choose one")
        else:
            write_atomically(manifest, json.dumps(wanted, indent=2) + "\n")
        return folder

    def _draw_missing(self, folder: Path, cases: Sequence[PhantomCase], num_workers: int | None) -> int:
        """Draw the missing cases, in threads (SciPy and zlib release the interpreter lock), and return their number."""
        missing = [case for case in cases if not self._is_drawn(folder, case)]
        jobs = Parallel(num_workers or cpu_count(), prefer="threads", return_as="generator_unordered")(
            delayed(self._save)(folder, case) for case in missing
        )
        for _ in tqdm(jobs, total=len(missing), desc="drawing phantoms", unit="subject", disable=not missing):
            pass
        if not missing:
            logger.info("%s: all %d phantoms exist already; nothing to do", folder, len(cases))
        return len(missing)

    def _is_drawn(self, folder: Path, case: PhantomCase) -> bool:
        return (folder / case.folder).is_dir()

    def _save(self, folder: Path, case: PhantomCase) -> None:
        """Write a case to a temporary folder and rename it, so that it exists with all its files or not at all."""
        import nibabel as nib

        final = folder / case.folder
        partial = final.with_name(f".partial-{final.name}")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        for name, image in self._draw(case, np.random.default_rng(case.seed)).items():
            nib.save(image, partial / name)
        os.replace(partial, final)
