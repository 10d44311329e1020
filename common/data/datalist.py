"""Loading a datalist, checked as a whole before anything runs."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..errors import InputError
from ..images.facts_cache import FactsCache
from .datalist_files import check_files
from .datalist_missing import leave_out_absent_files, log_missing
from .datalist_parts import keep_label_fraction, select_part
from .datalist_rows import Problems, check_rows

__all__ = ["load_datalist"]

logger = logging.getLogger(__name__)

CHOICES = {
    "mask": ("required", "optional", "ignored"),
    "label": ("required", "optional", "ignored", "mask"),
    "check": ("none", "header", "content"),
    "missing": ("refuse", "zeros"),
    "unlabelled": ("refuse", "leave out"),
}


def load_datalist(
    path: str | os.PathLike | None,
    *,
    section: str = "training",
    part: str = "all",
    fold: int | None = None,
    base_dir: str | os.PathLike | None = None,
    spatial_dims: int | Sequence[int] = 3,
    num_images: int | None = None,
    modalities: Sequence[str] | None = None,
    missing: str = "refuse",
    mask: str = "optional",
    mask_label: int | Sequence[int] | None = None,
    label: str = "optional",
    unlabelled: str = "refuse",
    num_classes: int | None = None,
    check: str = "content",
    cache_dir: str | os.PathLike | None = None,
    num_workers: int | None = None,
    label_fraction: float = 1.0,
    seed: int = 0,
    min_rows: int = 1,
) -> list[dict[str, Any]]:
    """Read the rows of a Decathlon-style JSON and check every one of the section, those of other folds too.

    All problems of all rows are reported at once. Rows are named ``training[3]``, counted from 0 as in JSON.

    Args:
        path: the datalist; ``None``, as a config has it by default, is told as missing.
        section: "training" or "testing".
        part: "all", "train" (rows whose ``fold`` is another than ``fold``) or "held_out" (rows of ``fold``).
        fold: the fold held out, for the last two.
        base_dir: folder to which paths are relative; default: the datalist's own.
        spatial_dims: 2 or 3: axes in space of every image; ``[2, 3]`` for slices and volumes side by side, for
            pipelines that take a slice of each volume.
        num_images: modalities of every row, as files of a list or channels of one file; default: the number of
            entries of the datalist's ``modality``, or else as most rows have.
        modalities: their names in the order that the caller counts on, instead of ``num_images``: the datalist's
            ``modality``, where it has one, must say the same.
        missing: what becomes of a row in whose list ``image`` a modality is null or its file does not exist: "refuse"
            tells it as a problem; "zeros" leaves ``None`` there, of which
            :class:`~common.transforms.LoadModalitiesd` makes zeros. A row without any modality is always refused.
        mask: "required", "optional", or "ignored" (dropped from the rows).
        mask_label: value that each mask must hold; of several values one is enough. Default: any but 0.
        label: "required", "optional" or "ignored" for classes; "mask" where each row's label is the path of a label map
            on the image's grid, for segmentation. A map may be empty: 0 everywhere.
        unlabelled: what becomes of rows without the label that ``label`` requires: "refuse" reports them as problems,
            "leave out" returns the others alone, and logs how many.
        num_classes: labels, or the values of label maps, must be 0..num_classes-1; default: the number of the
            datalist's ``labels``.
        check: "none" opens no file, "header" compares geometries, "content" reads all voxels too.
        cache_dir: folder to remember what files hold, by path, size and time of change, so that the next run only
            calls ``stat``.
        num_workers: threads that read files; default: one per core.
        label_fraction: keep this part of the subjects, stratified; a larger part holds every smaller one.
        seed: seed of that choice.
        min_rows: fewer rows than this are an error.

    Returns:
        The rows in the file's order, each with absolute paths in ``image``, ``mask`` and a ``label`` that is a map,
        ``subject`` as text, its ``index`` in this list, its ``row`` in the file's section, which tells images of one
        subject apart, and its other keys as they are.

    Raises:
        InputError: when the file, an argument or any row is wrong.
    """
    if not path:
        raise InputError("datalist: found none, expected the path of a datalist; set --datalist")
    path = Path(path)
    _check_choices(path, mask=mask, label=label, check=check, missing=missing, unlabelled=unlabelled)
    allowed_dims = [spatial_dims] if isinstance(spatial_dims, int) else sorted(spatial_dims)
    if allowed_dims not in ([2], [3], [2, 3]):
        raise InputError(f"{path}: spatial_dims is {spatial_dims!r}; expected one of 2, 3, [2, 3]")
    content = _read_json(path, section)
    labels, modality = _indexed_names(path, content, "labels"), _indexed_names(path, content, "modality")
    if modalities and modality:
        _check_modalities(path, list(modality.values()), list(modalities))
    num_classes = _num_classes(path, labels, num_classes)
    problems = Problems(section, content[section])
    leave_out = unlabelled == "leave out" and label in ("required", "mask")
    check_rows(
        problems,
        labels=labels,
        modality=modality,
        missing=missing,
        num_classes=num_classes,
        mask=mask,
        label=label,
        need_label=not leave_out,
        need_fold=part != "all",
        other_subjects=frozenset(_subjects(content, "testing" if section == "training" else "training")),
    )
    dropped = {name for name, policy in (("mask", mask), ("label", label)) if policy == "ignored"}
    base = Path(os.path.abspath(path)).parent if base_dir is None else Path(os.path.abspath(base_dir))
    keys = ("image", "mask", "label") if label == "mask" else ("image", "mask")
    problems.rows = [_resolved(row, base, keys, dropped) if isinstance(row, Mapping) else row for row in problems.rows]
    if missing == "zeros":
        leave_out_absent_files(problems)
    if check != "none":
        check_files(
            problems,
            spatial_dims=allowed_dims,
            num_images=num_images or len(modalities or modality) or None,
            modality=modality,
            mask_label=mask_label,
            maps=label == "mask",
            num_classes=num_classes,
            content=check == "content",
            cache=FactsCache(cache_dir),
            num_workers=num_workers,
        )
    if lines := problems.lines():
        raise InputError.of_rows(str(path), lines)
    log_missing(path, problems.rows, modality)
    rows = [{**row, "row": position} for position, row in enumerate(problems.rows)]
    if leave_out:
        labelled = [row for row in rows if row.get("label") is not None]
        if len(labelled) < len(rows):
            logger.info(f"{path}: {len(rows) - len(labelled)} of {len(rows)} rows have no label and are left out")
        rows = labelled
    return _chosen(path, rows, part, fold, label_fraction, seed, min_rows)


def _check_choices(path: Path, **arguments: str | int) -> None:
    for name, value in arguments.items():
        if value not in CHOICES[name]:
            raise InputError(f"{path}: {name} is {value!r}; expected one of {', '.join(map(repr, CHOICES[name]))}")


def _check_modalities(path: Path, found: list[str], expected: list[str]) -> None:
    if found != expected:
        raise InputError(
            f"{path}: modality: found {', '.join(found)}, expected {', '.join(expected)} (modalities), in this order; "
            "set --modalities to what the datalist has"
        )


def _read_json(path: Path, section: str) -> dict[str, Any]:
    if not path.is_file():
        raise InputError(
            f"{path}: found no such file, expected a datalist; set --datalist or run scripts/make_datalist.py"
        )
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise InputError(f"{path}: found no JSON ({error}), expected a datalist; mend the file") from error
    sections = [key for key, value in content.items() if isinstance(value, list)] if isinstance(content, dict) else []
    if section not in sections:
        raise InputError(f"{path}: found the sections {sections}, expected a list {section!r}; choose another section")
    if not content[section]:
        raise InputError(f"{path}: found no row in {section!r}, expected at least one; add rows or choose a section")
    return content


def _indexed_names(path: Path, content: Mapping[str, Any], key: str) -> dict[str, str]:
    """``labels`` or ``modality``: names by index as text, without gaps."""
    names = content.get(key) or {}
    if not isinstance(names, dict) or sorted(names) != sorted(str(index) for index in range(len(names))):
        raise InputError(f'{path}: {key}: found {names!r}, expected {{"0": name, "1": name, ...}}; mend it')
    return names


def _num_classes(path: Path, labels: Mapping[str, str], num_classes: int | None) -> int | None:
    if num_classes and labels and len(labels) != num_classes:
        raise InputError(
            f"{path}: labels: found {len(labels)} names ({', '.join(labels.values())}), expected {num_classes} "
            "(num_classes); mend either"
        )
    return num_classes or len(labels) or None


def _subjects(content: Mapping[str, Any], section: str) -> list[str]:
    rows = content.get(section)
    rows = rows if isinstance(rows, list) else []
    return [str(row["subject"]) for row in rows if isinstance(row, Mapping) and row.get("subject") is not None]


def _resolved(row: Mapping[str, Any], base: Path, keys: Sequence[str], dropped: set[str]) -> dict[str, Any]:
    """A row with absolute paths; fields of a wrong type, reported already, are left as they are."""
    result = {key: value for key, value in row.items() if key not in dropped}
    for key in keys:
        value = result.get(key)
        if isinstance(value, str):
            result[key] = os.path.normpath(base / value)
        elif isinstance(value, list):
            result[key] = [os.path.normpath(base / item) if isinstance(item, str) else item for item in value]
    if result.get("subject") is not None:
        result["subject"] = str(result["subject"])
    return result


def _chosen(
    path: Path, rows: list[dict[str, Any]], part: str, fold: int | None, label_fraction: float, seed: int, min_rows: int
) -> list[dict[str, Any]]:
    try:
        chosen = select_part(rows, part, fold)
        if label_fraction != 1 and part == "held_out":
            raise InputError("label_fraction: found part 'held_out', expected 'train'; the test rows stay the same")
        chosen = keep_label_fraction(chosen, label_fraction, seed)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    if len(chosen) < min_rows:
        what = "" if part == "all" else f" of fold {fold}"
        raise InputError(f"{path}: found {len(chosen)} rows in part {part!r}{what}, expected at least {min_rows}")
    return [{**row, "index": index} for index, row in enumerate(chosen)]
