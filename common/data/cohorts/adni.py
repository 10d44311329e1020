"""ADNI as downloaded from LONI: folders of image IDs, and the table of the search."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from ...errors import InputError
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

    Returns:
        The path written.

    Raises:
        InputError: a table or column is missing, or scans are incomplete and not dropped.
    """
    root = existing_folder(root)
    entries = read_table(_table(root) if table is None else Path(table), COLUMNS)
    folders = _folders(root)
    rows, problems = [], []
    for entry in entries:
        if description and description.lower() not in entry.get("Description", "").lower():
            continue
        name = entry["Image Data ID"]
        image, reasons = _image(folders.get(name, []))
        row: dict[str, Any] = {"image": str(image), "subject": entry["Subject"]}
        reasons += [f"{column} is empty" for column in COLUMNS if not entry[column]]
        if class_names and entry["Group"] in class_names:
            row["label"] = list(class_names).index(entry["Group"])
        elif class_names:
            reasons.append(f"Group is {entry['Group'] or 'empty'}, expected one of {', '.join(class_names)}")
        age, more = read_age("Age", entry["Age"])
        row |= {key: entry[column] for key, column in (("visit", "Visit"), ("sex", "Sex")) if entry.get(column)}
        reasons += more
        if reasons:
            problems.append(f"scan {name} (subject {entry['Subject'] or 'none'}): {'; '.join(reasons)}")
        else:
            rows.append(row | age)
    return write_cohort(
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
