"""ADNI as downloaded from LONI: folders of image IDs, and the table of the search."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from ...datalist_json import read_datalist
from ...errors import InputError
from ..datalist_writer import write_datalist
from .collect import existing_folder, read_age, read_table, write_cohort

__all__ = ["adni_datalist"]

COLUMNS = ("Image Data ID", "Subject", "Group", "Age")


def adni_datalist(
    root: str | os.PathLike,
    output: str | os.PathLike,
    table: str | os.PathLike | None = None,
    class_names: Sequence[str] = (),
    description: str | None = None,
    incomplete: Literal["report", "drop"] = "report",
    num_folds: int = 5,
    seed: int = 0,
    test_fold: int | None = None,
) -> Path:
    """ADNI as downloaded: folders of image IDs with NIfTI or DICOM, and the table of the search.

    It reads ``<root>/<subject>/<description>/<date>/<image id>/`` with one NIfTI file or DICOM series each. The visits
    of a person are rows of one subject. ``age``, ``visit`` and ``sex`` come from the table.

    Args:
        root: folder ``ADNI`` of the download, or a parent of it.
        output: JSON to write.
        table: CSV of the search, with the columns Image Data ID, Subject, Group, Age and optionally Visit, Sex and
            Description. Default: the only ``.csv`` in ``root``.
        class_names: values of ``Group`` in the order of their index, such as CN,AD; scans of other groups are
            incomplete. Default: no labels, as for pre-training.
        description: text that the ``Description`` of a scan must contain, such as MPRAGE.
        incomplete: treatment of incomplete rows: "report" stops with a list of the scans without file or of another
            group; "drop" omits and logs them.
        num_folds: number of folds by subject, stratified by label if there is one.
        seed: random seed for the folds.
        test_fold: fold of the test subjects. With it, scans of other groups than ``class_names`` are no problems, and a
            second datalist beside ``output``, ``<name>_pretraining.json``, has the scans of everybody but the test
            subjects, of all groups and without labels, to pre-train on (Cao et al. 2022: "ADNI pre-training set").

    Returns:
        The path written.

    Raises:
        InputError: a table or column is missing, or scans are incomplete and not dropped.
    """
    root = existing_folder(root)
    entries = read_table(_table(root) if table is None else Path(table), COLUMNS)
    folders = _folders(root)
    rows: list[dict[str, Any]] = []
    others: list[dict[str, Any]] = []
    problems = []
    for entry in entries:
        if description and description.lower() not in entry.get("Description", "").lower():
            continue
        name = entry["Image Data ID"]
        image, reasons = _image(folders.get(name, []))
        row: dict[str, Any] = {"image": str(image), "subject": entry["Subject"]}
        reasons += [f"{column} is empty" for column in COLUMNS if not entry[column]]
        if class_names and entry["Group"] in class_names:
            row["label"] = list(class_names).index(entry["Group"])
        elif class_names and test_fold is None:
            reasons.append(f"Group is {entry['Group'] or 'empty'}, expected one of {', '.join(class_names)}")
        age, more = read_age("Age", entry["Age"])
        row |= {key: entry[column] for key, column in (("visit", "Visit"), ("sex", "Sex")) if entry.get(column)}
        reasons += more
        if reasons:
            problems.append(f"scan {name} (subject {entry['Subject'] or 'none'}): {'; '.join(reasons)}")
        else:
            (others if class_names and "label" not in row else rows).append(row | age)
    path = write_cohort(
        root,
        output,
        rows,
        problems,
        incomplete=incomplete,
        labels=class_names,
        name="ADNI",
        modality=("T1",),
        num_folds=num_folds,
        seed=seed,
    )
    if test_fold is not None:
        _write_pretraining(path, [*rows, *others], test_fold)
    return path


def _write_pretraining(path: Path, rows: Sequence[dict[str, Any]], test_fold: int) -> None:
    """Write the scans of everybody but the subjects of a fold, without labels, beside a datalist."""
    written = read_datalist(path)["training"]
    tested = {row["subject"] for row in written if row["fold"] == test_fold}
    if not tested:
        known = sorted({row["fold"] for row in written})
        raise InputError(f"test_fold: found {test_fold}, expected one of {known}")
    kept = [{key: row[key] for key in row if key != "label"} for row in rows if row["subject"] not in tested]
    write_datalist(path.with_name(f"{path.stem}_pretraining.json"), kept, name="ADNI, pre-training", modality=("T1",))


def _table(root: Path) -> Path:
    found = sorted(root.glob("*.csv"))
    if len(found) != 1:
        names = ", ".join(path.name for path in found) or "none"
        raise InputError(f"{root}: found the tables {names}, expected one .csv; set --table")
    return found[0]


def _folders(root: Path) -> dict[str, list[Path]]:
    """Folders by image ID: ``I`` and a number."""
    found: dict[str, list[Path]] = defaultdict(list)
    for folder, _, _ in os.walk(root):
        if (name := os.path.basename(folder)).startswith("I") and name[1:].isdecimal():
            found[name].append(Path(folder))
    return found


def _image(folders: Sequence[Path]) -> tuple[Path | None, list[str]]:
    """The NIfTI file of a scan, or its folder with DICOM, and reasons why there is none."""
    if len(folders) != 1:
        return None, [f"found {len(folders)} folders of its id, expected one"]
    files = sorted(path for path in folders[0].iterdir() if path.is_file())
    volumes = [path for path in files if path.name.endswith((".nii", ".nii.gz"))]
    if len(volumes) > 1 or not files:
        return None, [f"found {len(volumes)} NIfTI files and {len(files)} files in all, expected one NIfTI or DICOM"]
    return (volumes[0] if volumes else folders[0]), []
