"""A cohort of ageing brains in BIDS: healthy people and people with dementia, with one or several visits."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ...errors import InputError
from ...files import write_atomically
from ..cohorts.bids import bids_datalist
from ..folds import assign_folds
from .cohort import PhantomCase, PhantomCohort, check_grid, plan_labels, scanner_image
from .dementia_mr import dementia_mr
from .scanner import oblique_affine

if TYPE_CHECKING:
    import nibabel as nib

__all__ = ["DementiaPhantoms"]

DIAGNOSES = ("CN", "AD")
SITES = ("A", "B", "C")
YEARLY = (0.12, 0.4)  # atrophy in standard deviations per year: healthy, with dementia


class _Person(NamedTuple):
    name: str
    label: int
    site: str
    sex: str
    ages: tuple[float, ...]  # at each visit
    atrophy: tuple[float, ...]


@dataclass(frozen=True)
class DementiaPhantoms(PhantomCohort):
    """T1 volumes of healthy people (CN, label 0) and people with dementia (AD, label 1) of all ages, as BIDS.

    Ventricles and sulci widen and hippocampi shrink with age, faster with dementia; the two groups overlap. Each person
    has one to ``visits`` visits, a year or two apart, of the same skull-stripped brain in another position. The folder
    is BIDS: ``sub-<name>/ses-<visit>/anat/sub-<name>_ses-<visit>_T1w.nii.gz``, ``participants.tsv`` with sex, diagnosis
    and site, and a ``_sessions.tsv`` with the ages of each person. The datalist is that of
    :func:`~common.data.cohorts.bids_datalist`: a row per visit, with ``label``, ``age``, ``session``, and the same
    ``fold`` for all visits of a person.

    Args:
        num_subjects: number of people, not of visits.
        visits: maximum number of visits of a person.
        shape: voxels left to right, posterior to anterior, inferior to superior, such as 96,96,96. The head fills
            them: 2.5 mm at the default shape is life size.
        spacing: voxel size along these axes in mm.
        diagnosis_counts: proportions of healthy people and people with dementia.
        separation: distance of the two groups in standard deviations of atrophy at one age; at 0 they are equal.
        seed: random seed for the cohort: the same seed gives the same files.
        num_folds: number of subject-wise stratified folds.
    """

    generator = "dementia"

    num_subjects: int = 40
    visits: int = 3
    shape: tuple[int, int, int] = (64, 64, 64)
    spacing: tuple[float, float, float] = (1.0, 1.0, 1.0)
    diagnosis_counts: Sequence[int] = (1, 1)
    separation: float = 2.0
    seed: int = 0
    num_folds: int = 5

    @cached_property
    def _people(self) -> list[_Person]:
        people = []
        planned = plan_labels(dict.fromkeys(SITES, self.diagnosis_counts), self.num_subjects)
        for number, (site, label) in enumerate(planned):
            rng = np.random.default_rng([self.seed, number, 1_000_003])  # independent of anatomy and visits
            ages = [float(np.clip(rng.normal(73, 8), 50, 92))]
            for _ in range(int(rng.integers(1, self.visits + 1)) - 1):
                ages.append(ages[-1] + rng.uniform(0.8, 2.2))
            start = rng.standard_normal() + self.separation * label + 0.5 * (ages[0] - 73) / 8
            atrophy = tuple(float(start + YEARLY[label] * (age - ages[0])) for age in ages)
            sex = "FM"[int(rng.integers(2))]
            rounded = tuple(round(age, 1) for age in ages)
            people.append(_Person(f"sub-{number + 1:04d}", label, site, sex, rounded, atrophy))
        return people

    def _check(self) -> None:
        check_grid(self.shape, self.spacing)
        if not isinstance(self.visits, int) or self.visits < 1:
            raise InputError(f"visits: found {self.visits!r}, expected an integer from 1")

    def _cases(self) -> list[PhantomCase]:
        return [
            PhantomCase(f"{each.name}/ses-{visit + 1:02d}/anat", each.label, each.site, (self.seed, number, visit))
            for number, each in enumerate(self._people)
            for visit in range(len(each.ages))
        ]

    def _folds(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        people = [{"subject": person.name, "label": person.label} for person in self._people]
        return assign_folds(people, self.num_folds, self.seed)

    def _draw(self, case: PhantomCase, rng: np.random.Generator) -> dict[str, nib.Nifti1Image]:
        _, number, visit = case.seed
        affine = oblique_affine(self.shape, self.spacing, rng)
        anatomy = np.random.default_rng([self.seed, number])
        voxels = dementia_mr(self.shape, self._people[number].atrophy[visit], anatomy, case.centre, self.seed, rng)
        return {f"{'_'.join(case.folder.split('/')[:2])}_T1w.nii.gz": scanner_image(voxels, affine)}

    def _write(self, datalist: Path, cases: Sequence[PhantomCase], rows: Sequence[dict[str, Any]]) -> None:
        folder = datalist.parent
        description = {"Name": "dementia MR phantoms", "BIDSVersion": "1.9.0", "DatasetType": "raw"}
        write_atomically(folder / "dataset_description.json", json.dumps(description, indent=2) + "\n")
        for person in self._people:
            sessions = [(f"ses-{number:02d}", age) for number, age in enumerate(person.ages, 1)]
            path = folder / person.name / f"{person.name}_sessions.tsv"
            write_atomically(path, _tsv([("session_id", "age"), *sessions]))
        people = [(each.name, each.sex, DIAGNOSES[each.label], each.site) for each in self._people]
        header = ("participant_id", "sex", "diagnosis", "site")
        write_atomically(folder / "participants.tsv", _tsv([header, *people]))
        bids_datalist(
            folder,
            datalist,
            label="diagnosis",
            class_names=DIAGNOSES,
            columns=("sex", "site"),
            num_folds=self.num_folds,
            seed=self.seed,
        )


def _tsv(lines: Iterable[Sequence[Any]]) -> str:
    return "".join("\t".join(map(str, line)) + "\n" for line in lines)
