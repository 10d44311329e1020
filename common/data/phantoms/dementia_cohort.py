"""A cohort of ageing brains in BIDS: healthy people and people with dementia, at one or several visits."""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import nibabel as nib
import numpy as np
import pandas as pd

from ...errors import InputError
from ...files import write_atomically
from ..cohorts.bids import bids_datalist
from ..folds import assign_folds
from .cohort import PhantomCase, begin_cohort, check_grid, draw_cases, plan_labels, scanner_image
from .dementia_mr import dementia_mr
from .scanner import oblique_affine

__all__ = ["make_dementia_phantoms"]

DIAGNOSES = ("CN", "AD")
SITES = ("A", "B", "C")
YEARLY = (0.12, 0.4)  # atrophy in standard deviations a year: healthy, with dementia


class _Person(NamedTuple):
    name: str
    label: int
    site: str
    sex: str
    ages: tuple[float, ...]  # at each visit
    atrophy: tuple[float, ...]


def make_dementia_phantoms(
    output_dir: str | os.PathLike,
    num_subjects: int = 40,
    visits: int = 3,
    shape: Sequence[int] = (64, 64, 64),
    spacing: Sequence[float] = (1.0, 1.0, 1.0),
    diagnosis_counts: Sequence[int] = (1, 1),
    separation: float = 2.0,
    seed: int = 0,
    num_folds: int = 5,
    num_workers: int | None = None,
) -> Path:
    """Make skull-stripped T1 volumes of healthy people (CN, label 0) and people with dementia (AD, label 1).

    Ventricles and sulci widen and hippocampi shrink with age, faster with dementia; the two overlap. Each person has
    one to ``visits`` visits, a year or two apart, that show the same brain from another position. The folder is BIDS:
    ``sub-<name>/ses-<visit>/anat/sub-<name>_ses-<visit>_T1w.nii.gz``, ``participants.tsv`` with sex, diagnosis and
    site, and each person's ``_sessions.tsv`` with the age. The datalist is that of
    :func:`~common.data.bids_datalist`: a row for each visit, with ``label``, ``age``, ``session``, and a ``fold`` that
    all visits of a person share.

    Runs can be interrupted and repeated as those of
    :func:`~common.data.phantoms.brain_cohort.make_brain_phantoms`.

    Args:
        output_dir: the cohort's folder.
        num_subjects: people, not visits.
        visits: of a person at most.
        shape: voxels left to right, posterior to anterior, inferior to superior. The head fills them: 2.5 mm at the
            default shape is life size.
        spacing: voxel size along these axes in mm.
        diagnosis_counts: proportions of healthy people and people with dementia.
        separation: distance of the two in standard deviations of atrophy at one age; at 0 there is nothing to learn
            but age.
        seed: of the whole cohort.
        num_folds: subject-wise stratified folds.
        num_workers: threads; default: one per core.

    Returns:
        The path of ``datalist.json``.

    Raises:
        InputError: when an argument makes no sense, there are too few people of a diagnosis for the folds, or the
            folder holds another cohort.
    """
    check_grid(shape, spacing)
    if not isinstance(visits, int) or visits < 1:
        raise InputError(f"visits: found {visits!r}, expected an integer from 1")
    people = _plan(num_subjects, visits, diagnosis_counts, separation, seed)
    assign_folds([{"subject": person.name, "label": person.label} for person in people], num_folds, seed)  # a check
    arguments = {
        "generator": "dementia",
        "num_subjects": num_subjects,
        "visits": visits,
        "shape": list(shape),
        "spacing": [float(size) for size in spacing],
        "diagnosis_counts": list(diagnosis_counts),
        "separation": float(separation),
        "seed": seed,
        "num_folds": num_folds,
    }
    output_dir = begin_cohort(output_dir, arguments)

    def draw(case: PhantomCase, rng: np.random.Generator) -> dict[str, nib.Nifti1Image]:
        _, number, visit = case.seed
        affine = oblique_affine(shape, spacing, rng)
        anatomy = np.random.default_rng([seed, number])
        voxels = dementia_mr(shape, people[number].atrophy[visit], anatomy, case.centre, seed, rng)
        return {f"{'_'.join(case.folder.split('/')[:2])}_T1w.nii.gz": scanner_image(voxels, affine)}

    cases = [
        PhantomCase(f"{person.name}/ses-{visit + 1:02d}/anat", person.label, person.site, (seed, number, visit))
        for number, person in enumerate(people)
        for visit in range(len(person.ages))
    ]
    datalist = output_dir / "datalist.json"
    if not draw_cases(output_dir, cases, draw, num_workers) and datalist.is_file():
        return datalist
    _write_tables(output_dir, people)
    return bids_datalist(
        output_dir,
        datalist,
        label="diagnosis",
        class_names=DIAGNOSES,
        columns=("sex", "site"),
        num_folds=num_folds,
        seed=seed,
    )


def _plan(num_subjects: int, visits: int, counts: Sequence[int], separation: float, seed: int) -> list[_Person]:
    people = []
    for number, (site, label) in enumerate(plan_labels(dict.fromkeys(SITES, counts), num_subjects)):
        rng = np.random.default_rng([seed, number, 1_000_003])  # apart from anatomy and visits
        ages = [float(np.clip(rng.normal(73, 8), 50, 92))]
        for _ in range(int(rng.integers(1, visits + 1)) - 1):
            ages.append(ages[-1] + rng.uniform(0.8, 2.2))
        start = rng.standard_normal() + separation * label + 0.5 * (ages[0] - 73) / 8
        atrophy = tuple(float(start + YEARLY[label] * (age - ages[0])) for age in ages)
        sex = "FM"[int(rng.integers(2))]
        people.append(_Person(f"sub-{number + 1:04d}", label, site, sex, tuple(round(a, 1) for a in ages), atrophy))
    return people


def _write_tables(folder: Path, people: Sequence[_Person]) -> None:
    description = {"Name": "dementia MR phantoms", "BIDSVersion": "1.9.0", "DatasetType": "raw"}
    write_atomically(folder / "dataset_description.json", json.dumps(description, indent=2) + "\n")
    columns = ("participant_id", "sex", "diagnosis", "site")
    lines = [(person.name, person.sex, DIAGNOSES[person.label], person.site) for person in people]
    for person in people:
        sessions = {"session_id": [f"ses-{i + 1:02d}" for i in range(len(person.ages))], "age": person.ages}
        write_atomically(folder / person.name / f"{person.name}_sessions.tsv", _tsv(pd.DataFrame(sessions)))
    write_atomically(folder / "participants.tsv", _tsv(pd.DataFrame(lines, columns=columns)))


def _tsv(table: pd.DataFrame) -> str:
    return table.to_csv(sep="\t", index=False)
