"""Whether the files of a datalist's rows can be trained on."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from joblib import Parallel, cpu_count, delayed
from tqdm import tqdm

from ..images.facts import ImageFacts
from ..images.facts_cache import FactsCache
from ..images.grid import dims_problem, grid_problem
from ..images.stored_image import UnreadableImageError
from .datalist_rows import Problems, modality_name

__all__ = ["check_files"]

FEW_FILES = 48  # checked without a progress bar

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
    """Check that every row's files exist, load, and agree with each other.

    Rows whose ``image`` or ``mask`` is no path, which is reported already, are passed over.

    Args:
        problems: the section's rows, paths absolute; what is wrong is added.
        spatial_dims: ``[2]``, ``[3]`` or ``[2, 3]``; with both, volumes may have a single slice.
        num_images: expected modalities of a row (files of a list, or channels of one file); ``None``: as most rows.
        modality: the datalist's names of modalities by index as text, for the messages; may be empty.
        mask_label: value (or values, of which one is enough) that each mask must hold; ``None``: any but 0.
        content: read voxels too, for truncated files, NaN, constant images and empty masks.
        cache: the facts known already.
        num_workers: threads; ``None`` for as many as this process has cores.
        maps: whether each ``label`` is the path of a label map.
        num_classes: values of label maps must be in 0..num_classes-1; ``None``: any non-negative integer.
    """
    rows = {i: row for i, row in enumerate(problems.rows) if _has_paths(row, maps)}
    wanted = [(path, False) for row in rows.values() for path in _paths(row["image"])]
    keys = ("mask", "label") if maps else ("mask",)
    wanted += [(row[key], True) for row in rows.values() for key in keys if row.get(key)]
    facts = _read_all(list(dict.fromkeys(wanted)), content, cache, num_workers)
    counts = {i: _num_images(row, facts) for i, row in rows.items()}
    if num_images is None:
        num_images = next((n for n, _ in Counter(n for n in counts.values() if n).most_common(1)), 1)
    for position, row in rows.items():
        _check_images(problems, position, row, facts, spatial_dims, modality)
        found = counts[position]
        if found and found != num_images:
            text = f"found {found} image{'s' * (found > 1)}, expected {num_images} (one file or channel per modality); "
            problems.add(position, "image", f"{text}complete the row or drop it")
        for key in keys:
            if row.get(key) and (region := _region(problems, position, row, facts, key)):
                text = _mask_problem(region, mask_label) if key == "mask" else _map_problem(region, num_classes)
                if text:
                    problems.add(position, key, f"{row[key]}: {text}")


def _has_paths(row: Any, maps: bool) -> bool:
    if not isinstance(row, Mapping) or not isinstance(row.get("mask"), str | None):
        return False
    if maps and not (isinstance(row.get("label"), str) and row["label"]):
        return False
    paths = row["image"] if isinstance(row.get("image"), list) else [row.get("image")]
    return any(paths) and all(path is None or (isinstance(path, str) and path) for path in paths)


def _paths(image: str | Sequence[str | None]) -> list[str]:
    """The files that there are."""
    return [image] if isinstance(image, str) else [path for path in image if path is not None]


def _read_all(files: Sequence[tuple[str, bool]], content: bool, cache: FactsCache, num_workers: int | None) -> Facts:
    """Facts of each file, or the text of its problem; in threads, as decompression and numpy let others run."""

    def read(path: str, is_mask: bool) -> ImageFacts | str:
        if not os.path.exists(path):
            return "found no such file; mend the path or dataset_dir"
        try:
            return cache.facts(path, is_mask=is_mask, content=content)
        except UnreadableImageError as error:
            return error.advice
        except OSError as error:
            return f"found a file that cannot be opened ({error.strerror}); mend its permissions"

    workers = min(num_workers or cpu_count(), max(len(files), 1))
    results: Iterable = Parallel(workers, prefer="threads", return_as="generator")(
        delayed(read)(path, is_mask) for path, is_mask in files
    )
    # Remembered files pass faster than a bar is worth showing.
    bar = tqdm(results, "checking images", len(files), unit="file", delay=0.5, disable=len(files) <= FEW_FILES)
    facts = dict(zip(files, bar, strict=True))
    cache.save()
    return facts


def _num_images(row: Mapping[str, Any], facts: Facts) -> int | None:
    """Channels that the row's image will have, or ``None`` when a file is unreadable."""
    found = [facts[path, False] for path in _paths(row["image"])]
    if any(isinstance(item, str) for item in found):
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
    for path in paths:
        found = facts[path, False]
        if isinstance(found, str):
            name = f"modality {modality_name(row['image'].index(path), modality)}: " if len(paths) > 1 else ""
            problems.add(position, "image", f"{name}{path}: {found}")
            continue
        text = dims_problem(found.spatial_shape, spatial_dims)
        if not text and path != paths[0] and isinstance(first, ImageFacts):
            text = grid_problem(found, first, f"as {os.path.basename(paths[0])}", is_mask=False)
        if text:
            problems.add(position, "image", f"{path}: {text}")
        if found.constant_channels:
            which = f" in channel {found.constant_channels[0]}" if found.channels > 1 else ""
            text = f"found one value everywhere{which}, expected an image; replace the file or drop the row"
            problems.add(position, "image", f"{path}: {text}")


def _region(problems: Problems, position: int, row: Mapping[str, Any], facts: Facts, key: str) -> ImageFacts | None:
    """Facts of a mask or label map whose voxels can be looked at, after a check of its grid."""
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
        if text := grid_problem(found, image, f"as the image {name}", is_mask=True):
            problems.add(position, key, f"{path}: {text}")
    return found if found.has_content else None


def _values_problem(found: ImageFacts) -> str | None:
    """Why a file's values are no labels, if they aren't."""
    if found.values is None or any(value != int(value) for value, _ in found.values):
        return "found values that are no labels, expected a few integers; give a label map, not an image"
    return None


def _map_problem(found: ImageFacts, num_classes: int | None) -> str | None:
    """What is wrong with a label map's values, if anything; one without any label is right."""
    if text := _values_problem(found):
        return text
    wrong = [int(v) for v, _ in found.values if v < 0 or (num_classes is not None and v >= num_classes)]
    expected = f"0..{num_classes - 1}" if num_classes else "integers from 0"
    return f"found the values {wrong}, expected {expected}; mend the map or num_classes" if wrong else None


def _mask_problem(found: ImageFacts, mask_label: int | Sequence[int] | None) -> str | None:
    """What is wrong with a mask's values, if anything."""
    if text := _values_problem(found):
        return text
    present = {int(value): count for value, count in found.values}
    if set(present) <= {0}:
        return "found an empty mask (0 everywhere), expected a region; draw it or drop the row"
    if mask_label is not None:
        wanted = {mask_label} if isinstance(mask_label, int) else set(mask_label)
        if not wanted & set(present):
            return f"found labels {sorted(set(present) - {0})}, expected {sorted(wanted)} (mask_label); mend either"
        foreground = sum(count for value, count in present.items() if value in wanted)
    else:
        foreground = sum(count for value, count in present.items() if value)
    if foreground == sum(present.values()):
        return "found a mask that fills the whole image, expected a region; give the right mask"
    return None
