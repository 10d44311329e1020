"""How modalities differ in a lesion, such as MR with and without contrast medium."""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ..errors import InputError
from ..feature_table import write_records
from ..images.read_volume import as_plane, read_mask, read_volume
from .cases import Case, find_case
from .lesion import lesion_mask
from .lesion_numbers import lesion_numbers
from .settings import DEFAULTS, RadiomicsSettings

__all__ = ["write_modality_differences_table"]

PERCENTILE = 95.0  # the bright part without its last voxels; ours


def write_modality_differences_table(
    rows: Sequence[Mapping[str, Any]],
    path: str | Path,
    modality_names: Sequence[str],
    mask_label: int | None = None,
    standardize: bool = False,
) -> Path:
    """Measure the difference of every two modalities in each lesion and write them as CSV.

    The 95th percentile of the intensities in the lesion, in one modality less that in another; T1 with contrast medium
    less T1 without is how much the lesion enhances.

    Args:
        rows: rows of a datalist. A modality that a row lacks leaves its differences empty.
        path: CSV file to write.
        modality_names: names of the modalities, as files of a list or channels of one file.
        mask_label: label of the lesion; by default all labels above 0.
        standardize: whether to use z-scores of each image's voxels other than 0, for MR in a scanner's own units;
            otherwise intensities as stored, which must be comparable between patients.

    Returns:
        The path written.

    Raises:
        InputError: an image or mask is unreadable, they do not match, or an image to standardize has one intensity; all
            of these rows are listed. The cohort has one modality.
    """
    if len(modality_names) < 2:
        raise InputError(
            "modality_differences: found one modality, expected two or more; leave modality_differences out"
        )
    settings = RadiomicsSettings({**DEFAULTS, "minimumROIDimensions": 0}, {}, {}, mask_label, min_voxels=1)

    def measure(row: Mapping[str, Any]) -> dict[str, float]:
        """Differences of a row."""
        bright = {name: _bright(row, n, settings, standardize) for n, name in enumerate(modality_names)}
        pairs = itertools.combinations(bright, 2)
        return {f"difference_{later} minus {earlier}": bright[later] - bright[earlier] for earlier, later in pairs}

    records, problems = lesion_numbers(rows, measure, "image")
    if problems:
        raise InputError.of_rows("modality differences", problems)
    return write_records(records, path)


def _bright(row: Mapping[str, Any], index: int, settings: RadiomicsSettings, standardize: bool) -> float:
    """Percentile of a modality in the lesion; NaN without the modality."""
    images = row.get("image")
    if isinstance(images, list) and index < len(images) and images[index] is None:
        return math.nan
    case = find_case(row, index)
    if not isinstance(case, Case):
        raise InputError(case)
    image = read_volume(case.image, case.channel)
    mask = read_mask(case.mask, image, case.label or settings.mask_label)
    if image.dimension != mask.dimension:  # a picture, and a mask of one slice
        image, mask = as_plane(image), as_plane(mask)
    lesion = lesion_mask(image, mask, settings, case.mask).values == 1
    found = np.percentile(image.values[lesion], PERCENTILE)
    if standardize:
        seen = image.values[image.values != 0]
        if not seen.size or seen.min() == seen.max():  # a deviation of equal floats is rarely 0
            raise InputError(
                f"{case.image}: found one intensity other than 0 at most, expected intensities that vary for z-scores; "
                "replace the file or delete the row"
            )
        found = (found - seen.mean()) / seen.std()
    return float(found)
