"""Checks of the files of datalist rows."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from joblib import Parallel, cpu_count, delayed
from tqdm import tqdm

from ..garbage import collection
from ..images.facts import ImageFacts
from ..images.facts_cache import FactsCache
from ..images.grid import dims_problem, grid_problem
from ..images.stored_image import UnreadableImageError
from ..programs import command_of
from .datalist_rows import Problems, modality_name

__all__ = ["check_files"]

FEW_FILES = 48  # no progress bar for so few

Facts = dict[tuple[str, bool], "ImageFacts | str"]


def check_files(
    problems: Problems,
    *,
    spatial_dims: Sequence[int],
    num_images: int | None,
    modality: Mapping[str, str],
    mask_label: int | Sequence[int] | None,
    content: bool,
    cache: FactsCache,
    num_workers: int | None,
    maps: bool = False,
    num_classes: int | None = None,
) -> None:
    """Check that the files of every row exist, can be read, and agree with each other.

    Rows whose ``image`` or ``mask`` is no path, which is reported already, are skipped.

    Args:
        problems: rows of the section, with absolute paths; problems are added to it.
        spatial_dims: allowed numbers of axes, ``[2]``, ``[3]`` or ``[2, 3]``; with both, volumes may have one slice.
        num_images: number of modalities of a row (files of a list, or channels of one file); ``None``: that of most
            rows.
        modality: names of the modalities by index as text, for messages; may be empty.
        mask_label: value that each mask must contain, or several values of which one is enough; ``None``: any but 0.
        content: whether to read voxels too, to find truncated files, NaN, constant images and empty masks.
        cache: cache of facts of files.
        num_workers: number of threads; ``None``: one per core.
        maps: whether each ``label`` is the path of a label map.
        num_classes: number of classes; values of label maps must be in 0..num_classes-1. ``None``: any non-negative
            integer.
    """
    rows = {i: row for i, row in enumerate(problems.rows) if _has_paths(row, maps)}
    wanted = [(path, False) for row in rows.values() for path in _paths(row["image"])]
    keys = ("mask", "label") if maps else ("mask",)
    wanted += [(row[key], True) for row in rows.values() for key in keys if row.get(key)]
    facts = _read_all(list(dict.fromkeys(wanted)), content, cache, num_workers)
    counts = {i: _num_images(row, facts) for i, row in rows.items()}
    if num_images is None:
        num_images = next((n for n, _ in Counter(n for n in counts.values() if n).most_common(1)), 1)
    elif len(rows) > 1 and len(common := {number for number in counts.values() if number} - {num_images}) == 1:
        num_images = _report_for_all(problems, counts, common.pop(), num_images)
    for position, row in rows.items():
        _check_images(problems, position, row, facts, spatial_dims, modality)
        found = counts[position]
        if found and found != num_images:
            text = f"found {found} image{'s' * (found > 1)}, expected {num_images} (one file or channel per modality); "
            problems.add(position, "image", f"{text}complete the row or delete it")
        for key in keys:
            if row.get(key) and (region := _region(problems, position, row, facts, key)):
                problem = _mask_problem(region, mask_label) if key == "mask" else _map_problem(region, num_classes)
                if problem:
                    problems.add(position, key, f"{row[key]}: {problem}")


def _report_for_all(problems: Problems, counts: Mapping[int, int | None], found: int, expected: int) -> int:
    """Report once that all rows have another number of modalities; the number that they are then checked against."""
    if expected in counts.values():
        return expected
    text = (
        f"found {found} image{'s' * (found > 1)} in every row, expected {expected} (one file or channel per modality)"
    )
    problems.add_for_all("image", f"{text}; correct the datalist, or in_channels where it was given")
    return found


def _has_paths(row: Any, maps: bool) -> bool:
    if not isinstance(row, Mapping) or not isinstance(row.get("mask"), str | None) or row.get("mask") == "":
        return False
    if maps and not (isinstance(row.get("label"), str) and row["label"]):
        return False
    paths = row["image"] if isinstance(row.get("image"), list) else [row.get("image")]
    return any(paths) and all(path is None or (isinstance(path, str) and path) for path in paths)


def _paths(image: str | Sequence[str | None]) -> list[str]:
    """The files without missing ones."""
    return [image] if isinstance(image, str) else [path for path in image if path is not None]


def _read_all(files: Sequence[tuple[str, bool]], content: bool, cache: FactsCache, num_workers: int | None) -> Facts:
    """Facts of each file, or its problem; new files in threads, as decompression releases the interpreter lock."""

    def read(path: str, is_mask: bool) -> ImageFacts | str:
        """Facts of a file, or its problem."""
        if not os.path.exists(path):
            return (
                f"found no such file; set --dataset_dir, or write the datalist anew with {command_of('make_datalist')}"
            )
        try:
            return cache.facts(path, is_mask=is_mask, content=content)
        except UnreadableImageError as error:
            return error.advice
        except OSError as error:
            return f"found a file that cannot be opened ({error.strerror}); correct its permissions"

    known: Facts = {}
    for path, is_mask in files:
        if (found := cache.known(path, is_mask=is_mask, content=content)) is not None:
            known[path, is_mask] = found
    files = [file for file in files if file not in known]
    workers = min(num_workers or cpu_count(), max(len(files), 1))
    results: Iterable = Parallel(workers, prefer="threads", return_as="generator")(
        delayed(read)(path, is_mask) for path, is_mask in files
    )
    bar = tqdm(results, "checking images", len(files), unit="file", delay=0.5, disable=len(files) <= FEW_FILES)
    with collection(enabled=True):  # also within a check without, as images may be in cycles
        facts = known | dict(zip(files, bar, strict=True))
    cache.save()
    return facts


def _num_images(row: Mapping[str, Any], facts: Facts) -> int | None:
    """Number of channels of a row's image, or ``None`` if a file is unreadable."""
    paths = _paths(row["image"])
    found = [item for path in paths if isinstance(item := facts[path, False], ImageFacts)]
    if len(found) < len(paths):
        return None
    lacking = len(row["image"]) - len(found) if isinstance(row["image"], list) else 0
    return sum(item.channels for item in found) + lacking


def _check_images(
    problems: Problems,
    position: int,
    row: Mapping[str, Any],
    facts: Facts,
    spatial_dims: Sequence[int],
    modality: Mapping[str, str],
) -> None:
    paths = _paths(row["image"])
    first = facts[paths[0], False]
    for number, path in enumerate(paths):
        found = facts[path, False]
        if isinstance(found, str):
            name = f"modality {modality_name(row['image'].index(path), modality)}: " if len(paths) > 1 else ""
            problems.add(position, "image", f"{name}{path}: {found}")
            continue
        problem = dims_problem(found.spatial_shape, spatial_dims)
        if not problem and path != paths[0] and isinstance(first, ImageFacts):
            problem = grid_problem(found, first, f"as {os.path.basename(paths[0])}", is_mask=False)
        if problem:
            problems.add(position, "image", f"{path}: {problem}")
        if path in paths[:number]:
            problems.add(position, "image", f"{path}: found twice, expected one file per modality; correct the row")
        if found.constant_channels:
            which = f" in channel {found.constant_channels[0]}" if found.channels > 1 else ""
            text = f"found one value everywhere{which}, expected an image; replace the file or delete the row"
            problems.add(position, "image", f"{path}: {text}")


def _region(problems: Problems, position: int, row: Mapping[str, Any], facts: Facts, key: str) -> ImageFacts | None:
    """Facts of a mask or label map, after a check of its grid; ``None`` if its voxels were not read."""
    path = row[key]
    found, image = facts[path, True], facts[_paths(row["image"])[0], False]
    if isinstance(found, str):
        problems.add(position, key, f"{path}: {found}")
        return None
    if found.channels != 1:
        text = f"found {found.channels} channels, expected one of integer labels; convert it"
        problems.add(position, key, f"{path}: {text}")
        return None
    if isinstance(image, ImageFacts):
        name = os.path.basename(_paths(row["image"])[0])
        if problem := grid_problem(found, image, f"as the image {name}", is_mask=True):
            problems.add(position, key, f"{path}: {problem}")
    return found if found.has_content else None


NO_LABELS = "found values that are no labels, expected a few integers; provide a label map, not an image"


def _label_counts(found: ImageFacts) -> dict[int, int] | None:
    """Number of voxels by label, or ``None`` if the values are no labels."""
    if found.values is None or any(value != int(value) for value, _ in found.values):
        return None
    return {int(value): count for value, count in found.values}


def _map_problem(found: ImageFacts, num_classes: int | None) -> str | None:
    """The problem with the values of a label map, or ``None``; a map may have no labels."""
    if (present := _label_counts(found)) is None:
        return NO_LABELS
    wrong = [value for value in present if value < 0 or (num_classes is not None and value >= num_classes)]
    expected = f"0..{num_classes - 1}" if num_classes else "integers from 0"
    return f"found the values {wrong}, expected {expected}; correct the map or num_classes" if wrong else None


def _mask_problem(found: ImageFacts, mask_label: int | Sequence[int] | None) -> str | None:
    """The problem with the values of a mask, or ``None``."""
    if (present := _label_counts(found)) is None:
        return NO_LABELS
    if set(present) <= {0}:
        remedy = f"delete the row from the table and write the datalist anew with {command_of('make_datalist')}"
        return f"found an empty mask (0 everywhere), expected a region; draw it, or {remedy}"
    if mask_label is None and (negative := sorted(value for value in present if value < 0)):
        return f"found the values {negative}, expected integers from 0; provide a label map, not an image"
    if mask_label is not None:
        wanted = {mask_label} if isinstance(mask_label, int) else set(mask_label)
        if not wanted & set(present):
            return f"found labels {sorted(set(present) - {0})}, expected {sorted(wanted)} (mask_label); correct either"
        foreground = sum(count for value, count in present.items() if value in wanted)
    else:
        foreground = sum(count for value, count in present.items() if value)
    if foreground == sum(present.values()):
        return "found a mask that fills the whole image, expected a region; provide the right mask"
    return None
