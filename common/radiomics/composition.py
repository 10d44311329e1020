"""What a lesion consists of: the shares of the labels of its mask."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from ..feature_table import write_records
from ..images.stored_image import UnreadableImageError
from .label_map import read_label_map
from .lesion_numbers import lesion_numbers

__all__ = ["MOST_LABELS", "write_composition_table"]

MOST_LABELS = 10  # of a cohort's masks
PREFIX = "composition_Label"


def write_composition_table(rows: Sequence[Mapping[str, Any]], path: str | Path) -> Path:
    """Measure which share of a lesion each label has, such as the enhancing part of a tumour, and write them as CSV.

    Numbers are square roots of the shares (Hellinger's transformation, Legendre and Gallagher 2001), as the step from
    0 to 2 % counts for more than that from 50 to 52 %. In cohorts whose masks have one label each, labels differ only
    by format, or by the class, and are no composition. All labels count, whatever the lesion's own label is.

    Args:
        rows: rows of a datalist.
        path: CSV file to write.

    Returns:
        The path written.

    Raises:
        InputError: a row has no mask, or one that is unreadable, empty or no label map; all of them are listed. Fewer
            than half of the masks have several labels, or all together have more than ten.
    """
    records, problems = lesion_numbers(rows, _composition)
    if problems:
        raise InputError.of_rows("composition: mask", problems)
    found = {name for record in records for name in record if name.startswith(PREFIX)}
    shares = sorted(found, key=lambda name: int(name.removeprefix(PREFIX)))
    several = sum(sum(name in record for name in shares) > 1 for record in records)
    if 2 * several < len(records):
        expected = "expected them in half or more, as the one label of a mask may be its class; leave composition out"
        raise InputError(f"composition: found several labels in {several} of {len(records)} masks, {expected}")
    if len(shares) > MOST_LABELS:
        expected = f"expected at most {MOST_LABELS}; leave composition out"
        raise InputError(f"composition: found {len(shares)} labels in the masks, {expected}")
    absent = dict.fromkeys(shares, 0.0)
    return write_records([{**absent, **record} for record in records], path)


def _composition(row: Mapping[str, Any]) -> dict[str, float]:
    """Square root of the share of each label of a row's mask."""
    mask, _ = read_label_map(row.get("mask"))
    labels, counts = np.unique(mask[mask != 0], return_counts=True)
    if not len(labels):
        raise UnreadableImageError("found no voxel of the lesion, expected one or more")
    roots = np.sqrt(counts / counts.sum())
    return {f"{PREFIX}{int(label)}": float(root) for label, root in zip(labels, roots, strict=True)}
