"""KiTS19, KiTS21 and KiTS23: CT of kidney tumours of four subtypes, and a cohort without labels for pre-training."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any, Literal

from ...errors import InputError
from ...images.read import read_image
from ...images.stored_image import UnreadableImageError
from ..balance import balance_classes
from ..datalist_writer import write_datalist
from .collect import existing_folder, missing_files, write_cohort

__all__ = ["KITS_LABELS", "KITS_OTHERS", "KITS_TABLE", "kits_datalist", "kits_pretraining_path"]

KITS_TABLE = "kits.json"
TABLES = (KITS_TABLE, "kits23.json")  # releases 2019 and 2021; release 2023
MASKS = ("segmentation.nii.gz", "aggregated_MAJ_seg.nii.gz")  # 2019 and 2023; 2021, by majority of readers
# Spelling of kits.json; releases after 2019 have papillary_rcc and chromophobe_rcc.
KITS_LABELS = ("clear_cell_rcc", "papillary", "chromophobe", "oncocytoma")
RENAMED = {"papillary_rcc": "papillary", "chromophobe_rcc": "chromophobe"}
KITS_OTHERS = (
    "angiomyolipoma",
    "clear_cell_papillary_rcc",
    "collecting_duct_undefined",
    "mest",
    "multilocular_cystic_rcc",
    "other",
    "rcc_unclassified",
    "spindle_cell_neoplasm",
    "urothelial",
    "wilms",
)


def kits_datalist(
    root: str | os.PathLike,
    output: str | os.PathLike,
    incomplete: Literal["report", "drop"] = "report",
    clear_cell: int | None = 20,
    num_folds: int = 5,
    seed: int = 0,
) -> Path:
    """KiTS19: four subtypes of kidney tumours in CT; the other cases are in a second datalist for pre-training.

    KiTS21 has ``aggregated_MAJ_seg.nii.gz`` instead of ``segmentation.nii.gz``, KiTS23 ``kits23.json`` instead of
    ``kits.json``.

    Zhao and Yang 2021, section 3.1: "we randomly select 20 cases from the clear cell RCC category and combine them with
    the other three types of data to form a classification data set (70 cases). The remaining data (140 cases) in the
    KiTS19 dataset is used for self-supervised learning." The first is ``output``, with labels and folds; the second
    is written beside it (``datalist.json`` and ``datalist_pretraining.json``), without labels and folds, and has no
    patient in common with it: load it with ``part="all"``.

    Args:
        root: folder ``data`` (2023: ``dataset``) of the repository, with the downloaded images.
        output: JSON to write.
        incomplete: treatment of incomplete rows: "report" stops with a list of the cases with missing files, unknown
            subtype or slices not along the first axis; "drop" omits and logs them.
        clear_cell: number of cases of clear cell carcinoma for classification; ``None``: all of them.
        num_folds: number of patient-wise stratified folds.
        seed: random seed for the choice and the folds.

    Returns:
        The path of the datalist with labels.

    Raises:
        InputError: the table is missing or unreadable, or cases are incomplete and not dropped.
    """
    root = existing_folder(root)
    labelled, rest, problems = _rows(root)
    names = list(KITS_LABELS)
    if clear_cell is not None and any(row["label"] == 0 for row in labelled):
        labelled, surplus = balance_classes(labelled, {names[0]: clear_cell}, seed, names)
        rest = sorted(surplus + rest, key=lambda row: row["subject"])
    path = write_cohort(
        root,
        output,
        labelled,
        problems,
        incomplete=incomplete,
        labels=names,
        name="KiTS19",
        modality=("CT",),
        num_folds=num_folds,
        seed=seed,
    )
    unlabelled = [{key: value for key, value in row.items() if key != "label"} for row in rest]
    write_datalist(kits_pretraining_path(path), unlabelled, name="KiTS19, pre-training", modality=("CT",))
    return path


def kits_pretraining_path(output: str | os.PathLike) -> Path:
    """Path of the datalist for pre-training beside the datalist with labels."""
    output = Path(output)
    return output.with_name(f"{output.stem}_pretraining{output.suffix}")


def _rows(root: Path) -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[str]]:
    """Rows of the four subtypes, rows of the others, and one line per incomplete case."""
    labelled, rest, problems = [], [], []
    table = next((name for name in TABLES if (root / name).is_file()), KITS_TABLE)
    entries = _read_entries(root / table)
    known = {str(entry.get("case_id")) for entry in entries}
    for folder in sorted(path.name for path in root.glob("case_*") if path.is_dir()):
        if folder not in known:
            problems.append(f"case {folder}: not in {table}")
    for entry in entries:
        case = str(entry.get("case_id"))
        image = root / case / "imaging.nii.gz"
        mask = next((path for name in MASKS if (path := root / case / name).is_file()), root / case / MASKS[0])
        reasons = [f"no {name}" for name in missing_files([image, mask])]
        subtype = str(entry.get("tumor_histologic_subtype") or "")
        subtype = RENAMED.get(subtype, subtype)
        if subtype not in (*KITS_LABELS, *KITS_OTHERS):
            expected = f"expected {', '.join(KITS_LABELS)} or another of KiTS19"
            reasons.append(f"tumor_histologic_subtype is {subtype or 'empty'}, {expected}")
        if image.exists() and (problem := _slices_problem(image)):
            reasons.append(f"{image.name}: {problem}")
        if reasons:
            problems.append(f"case {case}: {'; '.join(reasons)}")
            continue
        row = {"image": str(image), "mask": str(mask), "subject": case, "histology": subtype}
        if subtype in KITS_LABELS:
            labelled.append({**row, "label": KITS_LABELS.index(subtype)})
        else:
            rest.append(row)
    return labelled, rest, problems


def _read_entries(path: Path) -> list[dict[str, Any]]:
    expected = "expected a list of cases with case_id and tumor_histologic_subtype"
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}, {expected}; correct the path") from error
    except ValueError as error:
        raise InputError(f"{path}: found no JSON ({error}), {expected}; download it again") from error
    entries = [entry for entry in content if isinstance(entry, dict)] if isinstance(content, list) else []
    if not entries or len(entries) != len(content):
        raise InputError(f"{path}: found {type(content).__name__} without cases, {expected}; download it again")
    return entries


def _slices_problem(image: Path) -> str | None:
    """The problem with the order of the axes, which is wrong in files of the first release, or ``None``."""
    import nibabel

    try:
        axes = nibabel.aff2axcodes(read_image(image, content=False).affine)
    except UnreadableImageError as error:
        return f"{error}; download it again"
    if axes[0] in ("S", "I"):
        return None
    return f"found axes {''.join(map(str, axes))}, expected slices along the first (IPL); download the current release"
