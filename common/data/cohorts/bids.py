"""Any cohort in the Brain Imaging Data Structure (BIDS; Gorgolewski et al. 2016)."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from ...errors import InputError
from .bids_files import Scan, Visit, find_derivative, scans, visits
from .bids_tables import BidsTables
from .class_labels import label_name, label_names
from .collect import existing_folder, expect_choice, read_age, write_cohort, zeros_remedy

__all__ = ["bids_datalist"]

SEGMENTS = ("background", "lesion")


def bids_datalist(
    root: str | os.PathLike,
    output: str | os.PathLike,
    images: Sequence[str] = ("T1w",),
    label: str | None = None,
    class_names: Sequence[str] = (),
    age: str = "age",
    columns: Sequence[str] = (),
    person: str = "participant_id",
    sessions: Sequence[str] = (),
    entities: Mapping[str, str] | None = None,
    mask: str | None = None,
    segmentation: str | None = None,
    missing: Literal["refuse", "zeros"] = "refuse",
    incomplete: Literal["report", "drop"] = "report",
    num_folds: int = 5,
    seed: int = 0,
) -> Path:
    """BIDS: a row per visit, or per run of it; all visits of a person are in one fold.

    Files are ``sub-<name>[/ses-<name>]/<any folder>/sub-<name>[_ses-<name>][_<entity>-<value>...]_<suffix>.nii[.gz]``.
    Values come from ``sub-<name>/sub-<name>_sessions.tsv`` if it has the column, else from ``participants.tsv``;
    ``n/a`` means missing.

    Args:
        root: folder with the ``sub-`` folders.
        output: JSON to write.
        images: suffixes of the modalities, such as T1w, T2w, FLAIR, in the order of the datalist's ``image``. A visit
            with several files of the first one (runs) becomes several rows.
        label: column with the class; ``None`` for a cohort without labels.
        class_names: values of that column in the order of their index; visits with another value are incomplete.
            Default: all values in alphabetical order. With ``segmentation``, names of the values of the map from 0.
        age: column that becomes the number ``age``, if it exists; "89+" is 89.
        columns: additional columns to keep, as text.
        person: column of ``participants.tsv`` with the person, if one person has several participant names.
        sessions: sessions to read, such as baseline; default: all.
        entities: entities that file names must have, such as ``{"acq": "mprage"}``.
        mask: end of the names of masks in ``derivatives``, such as ``desc-brain_mask``, which become ``mask``.
        segmentation: end of the names of label maps, such as ``label-lesion_mask``, which become ``label``, see
            :func:`~common.data.load_datalist`.
        missing: treatment of missing modalities: "zeros" keeps visits without some modality, with null instead of it;
            "refuse" treats them as incomplete.
        incomplete: treatment of incomplete rows: "report" stops with a list of the visits with missing files or unknown
            label; "drop" omits and logs them.
        num_folds: number of folds by person, stratified by label if there is one.
        seed: random seed for the folds.

    Returns:
        The path written.

    Raises:
        InputError: the folder is not BIDS, a table or column is missing, or visits are incomplete and not dropped.
    """
    root = existing_folder(root)
    expect_choice("missing", missing, ("refuse", "zeros"))
    if label and segmentation:
        raise InputError("label: found both label and segmentation, expected one of them; a row has one label")
    found = visits(root, images, entities or {}, sessions)
    tables = BidsTables(root, list(found))
    tables.expect([name for name in (label, *columns) if name], person)
    if label and not class_names:
        class_names = label_names(tables.value(visit, label) for visit in found)
    rows, problems = [], []
    for visit, files in found.items():
        values, reasons = _values(tables, visit, label, class_names, age, columns)
        of_visit = scans(files, images)
        for scan in of_visit:
            row, more = _row(root, visit, scan, missing, {"mask": mask, "label": segmentation}, len(of_visit) == 1)
            if reasons or more:
                problems.append(f"{visit}: {'; '.join([*reasons, *more])}")
            else:
                rows.append(row | {"subject": tables.person(visit, person)} | values)
    return write_cohort(
        root,
        output,
        rows,
        problems,
        incomplete=incomplete,
        labels=class_names or SEGMENTS if segmentation else class_names if label else (),
        name=root.name,
        modality=images,
        num_folds=num_folds,
        seed=seed,
    )


def _values(
    tables: BidsTables, visit: Visit, label: str | None, class_names: Sequence[str], age: str, columns: Sequence[str]
) -> tuple[dict[str, Any], list[str]]:
    """The values of a visit in the tables, and reasons why it is incomplete."""
    values: dict[str, Any] = {}
    reasons = []
    if label:
        found = tables.value(visit, label)
        found = found if found in class_names else label_name(found)
        if found in class_names:
            values["label"] = list(class_names).index(found)
        else:
            reasons.append(f"{label} is {found or 'empty'}, expected one of {', '.join(class_names)}")
    years, more = read_age(age, tables.value(visit, age))
    values |= {column: value for column in columns if (value := tables.value(visit, column))}
    return values | years, reasons + more


def _row(
    root: Path, visit: Visit, scan: Scan, missing: str, endings: Mapping[str, str | None], only: bool
) -> tuple[dict[str, Any], list[str]]:
    """The files of a scan as a row, and reasons why it is incomplete."""
    reasons = []
    paths: list[str | None] = []
    for suffix, files in scan.items():
        paths.append(str(files[0].path) if files else None)
        if len(files) > 1:
            names = ", ".join(file.path.name for file in files)
            reasons.append(f"found {len(files)} {suffix} ({names}), expected one; choose by entities")
    lacking = [suffix for suffix, files in scan.items() if not files]
    if lacking and (missing == "refuse" or len(lacking) == len(scan)):
        reasons.append(f"no {', '.join(lacking)}{zeros_remedy(lacking, [*scan])}")
    row: dict[str, Any] = {"image": paths[0] if len(paths) == 1 else paths}
    for key, ending in endings.items():
        if ending:
            file, reason = find_derivative(root, visit, scan, ending, only)
            row[key] = str(file)
            reasons += [reason] if reason else []
    return (row | {"session": visit.session} if visit.session else row), reasons
