"""Loading of datalists, with checks of all rows before anything runs."""

from __future__ import annotations

import logging
import os
import unicodedata
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..datalist_json import indexed_names, read_datalist
from ..errors import InputError
from ..garbage import collection
from ..images.facts_cache import FactsCache
from .datalist_files import check_files
from .datalist_missing import leave_out_absent_files, log_missing, log_misspelt, log_repeated
from .datalist_parts import keep_label_fraction, select_part
from .datalist_rows import Problems, check_rows

__all__ = ["find_problems", "load_datalist"]

logger = logging.getLogger(__name__)

CHOICES = {
    "mask": ("required", "optional", "ignored"),
    "label": ("required", "optional", "ignored", "mask"),
    "check": ("none", "header", "content"),
    "missing": ("refuse", "zeros"),
    "unlabelled": ("refuse", "leave out"),
}


@collection(enabled=False)
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
    """Read the rows of a Decathlon-style JSON, after a check of all rows of the section, including other folds.

    All problems of all rows are reported at once. Rows are named ``training[3]``, with indices from 0.

    Args:
        path: datalist file; ``None``, the default of configs, is reported as missing.
        section: section of the datalist, "training" or "testing".
        part: rows to return: "all", "train" (rows of folds other than ``fold``) or "held_out" (rows of ``fold``).
        fold: held-out fold, unless ``part`` is "all".
        base_dir: folder to which paths are relative; default: that of the datalist.
        spatial_dims: number of spatial axes of every image, 2 or 3; ``[2, 3]`` allows slices and volumes together, for
            pipelines that take a slice of each volume.
        num_images: number of modalities of every row, as files of a list or channels of one file; default: the number
            of entries in the datalist's ``modality``, or else that of most rows.
        modalities: expected names of the modalities in their order, instead of ``num_images``; the datalist's
            ``modality``, if it has one, must be the same.
        missing: treatment of rows in whose list ``image`` a modality is null or its file does not exist: "refuse"
            reports them as problems; "zeros" sets the modality to ``None``, for which
            :class:`~common.transforms.LoadModalitiesd` inserts zeros. A row without any modality is always refused.
        mask: "required", "optional", or "ignored" (dropped from the rows).
        mask_label: value that each mask must contain, or several values of which one is enough. Default: any but 0.
        label: "required", "optional" or "ignored" for classes; "mask" for segmentation, where each label is the path
            of a label map on the grid of the image. A map may be 0 everywhere.
        unlabelled: treatment of rows without the label that ``label`` requires: "refuse" reports them as problems,
            "leave out" drops them and logs their number.
        num_classes: number of classes; labels, or values of label maps, must be in 0..num_classes-1. Default: the
            number of the datalist's ``labels``.
        check: "none" opens no file, "header" compares geometries, "content" also reads all voxels.
        cache_dir: folder of a cache of the checks by path, size and modification time of files, so that the next run
            only calls ``stat``.
        num_workers: number of threads that read files; default: one per core.
        label_fraction: fraction of the subjects to return, stratified; larger fractions contain smaller ones.
        seed: random seed for this choice.
        min_rows: minimum number of rows.

    Returns:
        The rows in the order of the file, each with absolute paths in ``image``, ``mask`` and a ``label`` that is a
        map, ``subject`` as text, its ``index`` in this list, its ``row`` in the section of the file, which
        distinguishes images of one subject, and its other keys unchanged.

    Raises:
        InputError: the file, an argument or a row is invalid.
    """
    problems = find_problems(
        path,
        section=section,
        need_fold=part != "all",
        base_dir=base_dir,
        spatial_dims=spatial_dims,
        num_images=num_images,
        modalities=modalities,
        missing=missing,
        mask=mask,
        mask_label=mask_label,
        label=label,
        unlabelled=unlabelled,
        num_classes=num_classes,
        check=check,
        cache_dir=cache_dir,
        num_workers=num_workers,
    )
    path = Path(str(path))
    if lines := problems.lines():
        raise InputError.of_rows(str(path), lines)
    log_repeated(path, problems.rows)
    log_missing(path, problems.rows, indexed_names(path, read_datalist(path), "modality"))
    rows = [{**row, "row": position} for position, row in enumerate(problems.rows)]
    if unlabelled == "leave out" and label in ("required", "mask"):
        labelled = [row for row in rows if row.get("label") is not None]
        if len(labelled) < len(rows):
            logger.info(f"{path}: {len(rows) - len(labelled)} of {len(rows)} rows have no label and are left out")
        rows = labelled
    return _chosen(path, rows, part, fold, label_fraction, seed, min_rows)


@collection(enabled=False)
def find_problems(
    path: str | os.PathLike | None,
    *,
    section: str = "training",
    need_fold: bool = False,
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
) -> Problems:
    """The rows of a section with absolute paths, and the problems of each, for callers that leave such rows out.

    For the arguments see :func:`load_datalist`.

    Args:
        need_fold: whether each row needs a fold.

    Raises:
        InputError: the file or an argument is invalid.
    """
    if not path:
        raise InputError("datalist: found none, expected the path of a datalist; set --datalist")
    path = Path(path)
    _check_choices(path, mask=mask, label=label, check=check, missing=missing, unlabelled=unlabelled)
    allowed_dims = [spatial_dims] if isinstance(spatial_dims, int) else sorted(spatial_dims)
    if allowed_dims not in ([2], [3], [2, 3]):
        raise InputError(f"{path}: spatial_dims is {spatial_dims!r}; expected one of 2, 3, [2, 3]")
    content = _read_section(path, section)
    labels, modality = indexed_names(path, content, "labels"), indexed_names(path, content, "modality")
    if modalities and modality:
        _check_modalities(path, list(modality.values()), list(modalities))
    num_classes = _num_classes(path, labels, num_classes)
    problems = Problems(section, content[section])
    log_misspelt(path, problems.rows)
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
        need_fold=need_fold,
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
    return problems


def _check_choices(path: Path, **arguments: str | int) -> None:
    for name, value in arguments.items():
        if value not in CHOICES[name]:
            raise InputError(f"{path}: {name} is {value!r}; expected one of {', '.join(map(repr, CHOICES[name]))}")


def _check_modalities(path: Path, found: list[str], expected: list[str]) -> None:
    if found != expected:
        raise InputError(
            f"{path}: modality: found {', '.join(found)}, expected {', '.join(expected)} (modalities), in this order; "
            "set --modalities to those of the datalist"
        )


def _read_section(path: Path, section: str) -> dict[str, Any]:
    content = read_datalist(path)
    sections = [key for key, value in content.items() if isinstance(value, list)]
    if section not in sections:
        raise InputError(f"{path}: found the sections {sections}, expected a list {section!r}; choose another section")
    if not content[section]:
        raise InputError(f"{path}: found no row in {section!r}, expected at least one; add rows or choose a section")
    return content


def _num_classes(path: Path, labels: Mapping[str, str], num_classes: int | None) -> int | None:
    if num_classes and labels and len(labels) != num_classes:
        raise InputError(
            f"{path}: labels: found {len(labels)} names ({', '.join(labels.values())}), expected {num_classes} "
            "(num_classes); correct either"
        )
    return num_classes or len(labels) or None


def _subjects(content: Mapping[str, Any], section: str) -> list[str]:
    rows = content.get(section)
    rows = rows if isinstance(rows, list) else []
    names = [str(row["subject"]) for row in rows if isinstance(row, Mapping) and row.get("subject") is not None]
    return [unicodedata.normalize("NFC", name) for name in names]  # letters as one character each


def _resolved(row: Mapping[str, Any], base: Path, keys: Sequence[str], dropped: set[str]) -> dict[str, Any]:
    """A row with absolute paths; fields of a wrong type, which are reported already, are not changed."""
    result = {key: value for key, value in row.items() if key not in dropped}
    for key in keys:
        value = result.get(key)
        if isinstance(value, str) and value:  # an empty one, which is reported already, would be the folder
            result[key] = os.path.normpath(os.path.join(base, value))
        elif isinstance(value, list):
            result[key] = [
                os.path.normpath(os.path.join(base, item)) if isinstance(item, str) and item else item for item in value
            ]
    if result.get("subject") is not None:
        result["subject"] = str(result["subject"])
    return result


def _chosen(
    path: Path, rows: list[dict[str, Any]], part: str, fold: int | None, label_fraction: float, seed: int, min_rows: int
) -> list[dict[str, Any]]:
    try:
        chosen = select_part(rows, part, fold)
        if label_fraction != 1 and part == "held_out":
            raise InputError("label_fraction: found part 'held_out', expected 'train'; test rows are never reduced")
        chosen = keep_label_fraction(chosen, label_fraction, seed)
    except InputError as error:
        raise InputError(f"{path}: {error}") from None
    if len(chosen) < min_rows:
        what = "" if part == "all" else f" of fold {fold}"
        raise InputError(f"{path}: found {len(chosen)} rows in part {part!r}{what}, expected at least {min_rows}")
    return [{**row, "index": index} for index, row in enumerate(chosen)]
