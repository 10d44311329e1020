"""Rows that lack a modality."""

from __future__ import annotations

import logging
import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from .datalist_rows import Problems, modality_name

__all__ = ["leave_out_absent_files", "log_missing"]

logger = logging.getLogger(__name__)


def leave_out_absent_files(problems: Problems) -> None:
    """Put ``None`` in place of each file of a list ``image`` that does not exist; a row without any is a problem.

    Only lists have a place to leave empty: a single path stays as it is.

    Args:
        problems: the section's rows, paths absolute; they are replaced, and what is wrong is added.
    """
    rows = list(problems.rows)
    for position, row in enumerate(rows):
        image = row.get("image") if isinstance(row, Mapping) else None
        if not isinstance(image, list) or not any(isinstance(file, str) for file in image):
            continue  # nothing to look for, or told already
        kept = [None if isinstance(file, str) and not os.path.exists(file) else file for file in image]
        rows[position] = {**row, "image": kept}
        if not any(kept):
            files = ", ".join(file for file in image if isinstance(file, str))
            text = f"found none of its files ({files}), expected at least one; mend the paths or dataset_dir"
            problems.add(position, "image", text)
    problems.rows = rows


def log_missing(path: Path, rows: Sequence[Mapping[str, Any]], names: Mapping[str, str]) -> None:
    """Log how many rows lack which modality; nothing is said when none does.

    Args:
        path: the datalist.
        rows: its rows, ``None`` in ``image`` for each missing modality.
        names: the datalist's ``modality``.
    """
    images = [row["image"] for row in rows if isinstance(row["image"], list) and None in row["image"]]
    if not images:
        return
    counts = Counter(index for image in images for index, file in enumerate(image) if file is None)
    shares = ", ".join(f"{modality_name(index, names)} in {count}" for index, count in sorted(counts.items()))
    logger.warning("%s: %d of %d rows lack a modality (%s); zeros take its place", path, len(images), len(rows), shares)
