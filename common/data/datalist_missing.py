"""Rows without some modality, rows that are there twice, and keys that are nearly those with a meaning."""

from __future__ import annotations

import json
import logging
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..tables import near_names
from .datalist_rows import Problems, modality_name

__all__ = ["leave_out_absent_files", "log_missing", "log_misspelt", "log_repeated"]

logger = logging.getLogger(__name__)

_KEYS = ("image", "mask", "label", "subject", "fold", "slice")


def leave_out_absent_files(problems: Problems) -> None:
    """Replace each file of a list ``image`` that does not exist by ``None``; rows without any file are problems.

    Only lists can have missing entries: a single path is not changed.

    Args:
        problems: rows of the section, with absolute paths; they are replaced, and problems are added.
    """
    rows = list(problems.rows)
    for position, row in enumerate(rows):
        image = row.get("image") if isinstance(row, Mapping) else None
        if not isinstance(image, list) or not any(isinstance(file, str) for file in image):
            continue  # no files, or reported already
        kept = [None if isinstance(file, str) and not os.path.exists(file) else file for file in image]
        rows[position] = {**row, "image": kept}
        if not any(kept):
            files = ", ".join(file for file in image if isinstance(file, str))
            text = f"found none of its files ({files}), expected at least one; correct the paths or dataset_dir"
            problems.add(position, "image", text)
    problems.rows = rows


def log_missing(path: Path, rows: Sequence[Mapping[str, Any]], names: Mapping[str, str]) -> None:
    """Log the number of rows without each modality, unless all are complete.

    Args:
        path: datalist file.
        rows: rows of the datalist, with ``None`` in ``image`` for each missing modality.
        names: names of the modalities by index as text.
    """
    images = [row["image"] for row in rows if isinstance(row["image"], list) and None in row["image"]]
    if not images:
        return
    counts = Counter(index for image in images for index, file in enumerate(image) if file is None)
    shares = ", ".join(f"{modality_name(index, names)} in {count}" for index, count in sorted(counts.items()))
    logger.warning(
        "%s: %d of %d rows lack a modality (%s); it is replaced by zeros", path, len(images), len(rows), shares
    )


def log_repeated(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """Log rows that equal an earlier one, which count several times in training and scores.

    Args:
        path: datalist file.
        rows: rows of the datalist.
    """
    counts = Counter(json.dumps(row, sort_keys=True, default=str) for row in rows)
    repeated = [json.loads(text).get("subject") for text, count in counts.items() if count > 1]
    if repeated:
        shown = ", ".join(map(str, repeated[:5])) + (", ..." if len(repeated) > 5 else "")
        logger.warning(
            "%s: %d of %d rows equal an earlier one (of subject %s) and count several times; delete the copies",
            path,
            len(rows) - len(counts),
            len(rows),
            shown,
        )


def log_misspelt(path: Path, rows: Sequence[Any]) -> None:
    """Log keys such as ``lable`` of rows that lack the key with nearly their name, which is read as missing.

    Args:
        path: datalist file.
        rows: rows of the datalist as they are in the file.
    """
    found: Counter[tuple[str, str]] = Counter()
    for keys, count in Counter(tuple(row) for row in rows if isinstance(row, Mapping)).items():
        for pair in near_names(set(_KEYS).difference(keys), keys, _KEYS):
            found[pair] += count
    for (key, near), count in sorted(found.items()):
        logger.warning(
            "%s: %d of %d rows have %s and no %s; rename it if it is the %s", path, count, len(rows), near, key, key
        )
