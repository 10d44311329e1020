"""Whether a DICOM folder is one regular volume.

ITK stacks what it finds: with a slice missing, a tilted gantry or two orientations in the folder it warns at most and
returns a volume whose geometry is wrong. Here such a folder is refused with the reason.
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["check_dicom_series"]

# Only what the geometry needs is parsed; pixel data are skipped.
TAGS = (
    "SeriesInstanceUID",
    "ImageOrientationPatient",
    "ImagePositionPatient",
    "PixelSpacing",
    "Rows",
    "Columns",
    "NumberOfFrames",
)


def check_dicom_series(folder: str | Path, tolerance: float = 0.1) -> int:
    """Check that the folder's slices are one series on a regular, orthogonal grid.

    Args:
        folder: a folder with one DICOM series; files that are not DICOM are passed over.
        tolerance: how far a slice may be from its place on the grid, as a part of the slice distance (along the
            normal) or of the pixel spacing (sideways, over the whole stack).

    Returns:
        The number of its files.

    Raises:
        ValueError: with what was found and expected, in one line without the folder's name.
    """
    import pydicom

    slices = []
    for path in sorted(Path(folder).iterdir()):
        if path.is_file() and pydicom.misc.is_dicom(path):
            slices.append(pydicom.dcmread(path, stop_before_pixels=True, specific_tags=list(TAGS)))
    if not slices:
        raise ValueError("found a folder without DICOM files, expected a DICOM series")
    _expect_one_value(slices, "SeriesInstanceUID", "series", decimals=None)
    if len(slices) == 1:
        return 1
    for tag, what in (("Rows", "row counts"), ("Columns", "column counts")):
        _expect_one_value(slices, tag, what, decimals=None)
    _expect_one_value(slices, "PixelSpacing", "pixel spacings", decimals=3)
    _expect_one_value(slices, "ImageOrientationPatient", "slice orientations", decimals=3)
    _check_positions(slices, tolerance)
    return len(slices)


def _expect_one_value(slices: list[Any], tag: str, what: str, decimals: int | None) -> None:
    def key(dataset: Any) -> Any:
        value = dataset.get(tag)
        if value is None or decimals is None:
            return value
        return tuple(round(float(item), decimals) + 0.0 for item in value)

    counts = Counter(key(dataset) for dataset in slices)
    if len(counts) > 1:
        shares = ", ".join(str(count) for _, count in counts.most_common())
        raise ValueError(f"found {len(counts)} {what} in the folder ({shares} slices), expected one series of one kind")


def _check_positions(slices: list[Any], tolerance: float) -> None:
    missing = sum(
        not dataset.get(tag)
        for dataset in slices
        for tag in ("ImagePositionPatient", "ImageOrientationPatient", "PixelSpacing")
    )
    if missing:
        raise ValueError(f"found {len(slices)} slices without position, orientation or spacing, expected a volume")
    first = slices[0]
    row, column = np.asarray(first.ImageOrientationPatient, dtype=float).reshape(2, 3)
    normal = np.cross(row, column)
    positions = np.asarray([dataset.ImagePositionPatient for dataset in slices], dtype=float)
    positions = positions[np.argsort(positions @ normal)]
    gaps = np.diff(positions @ normal)
    gap = float(np.median(gaps))
    if gaps.min() < tolerance * max(gap, 1e-6):
        raise ValueError(f"found two slices at one position among {len(slices)}, expected a volume")
    if np.abs(gaps - gap).max() > tolerance * gap:
        raise ValueError(
            f"found slice distances from {gaps.min():.3g} to {gaps.max():.3g} mm, expected equal ones (a slice is "
            "missing or the series is irregular)"
        )
    offset = positions[-1] - positions[0]
    sideways = float(np.linalg.norm(offset - (offset @ normal) * normal))
    if sideways > tolerance * float(min(first.PixelSpacing)):
        degrees = np.degrees(np.arctan2(sideways, offset @ normal))
        raise ValueError(
            f"found slices sheared by {degrees:.2g} degrees (gantry tilt), expected a stack along its normal"
        )
