"""Where a lesion lies in its image, such as its depth below the probe in ultrasound."""

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

__all__ = ["POSITION_NUMBERS", "write_position_table"]

#: Names of the numbers in 3D; in 2D there is no Z.
POSITION_NUMBERS = ("X", "Y", "Z")


def write_position_table(rows: Sequence[Mapping[str, Any]], path: str | Path, mask_label: int | None = None) -> Path:
    """Measure the centre of each lesion, as shares of the image's width and height, and write them as CSV (**ours**).

    X rises from left to right and Y from top to bottom of a picture, so that in ultrasound Y is the depth below the
    probe; in volumes they are the patient's axes, in the direction in which the file stores them. Lesions in boxes cut
    round them all lie in the middle, and the numbers say nothing.

    Args:
        rows: rows of a datalist.
        path: CSV file to write.
        mask_label: label of the lesion; by default all labels above 0.

    Returns:
        The path written.

    Raises:
        InputError: a row has no mask, or one that is unreadable, empty or no label map; all of them are listed.
    """

    def measure(row: Mapping[str, Any]) -> dict[str, float]:
        """Centre of a row's mask."""
        mask, _ = read_label_map(row.get("mask"))
        places = np.argwhere(mask != 0 if mask_label is None else mask == mask_label)
        if not len(places):
            raise UnreadableImageError("found no voxel of the lesion, expected one or more")
        centre = (places.mean(0) + 0.5) / mask.shape
        return {f"position_{axis}": float(share) for axis, share in zip(POSITION_NUMBERS, centre, strict=False)}

    records, problems = lesion_numbers(rows, measure)
    if problems:
        raise InputError.of_rows("position: mask", problems)
    return write_records(records, path)
