"""DICOM segmentations as label maps on a series' grid."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..errors import InputError
from .dicom_headers import SEGMENTATION, read_header
from .stored_image import UnreadableImageError
from .volume import Volume

if TYPE_CHECKING:
    import highdicom

__all__ = ["is_segmentation", "read_segmentation"]


def is_segmentation(path: str | Path) -> bool:
    """Whether the file is a DICOM segmentation."""
    try:
        header = read_header(path) if Path(path).is_file() else None
    except UnreadableImageError:  # reported when it is read as an image
        return False
    return header is not None and header.get("SOPClassUID") in SEGMENTATION


def read_segmentation(path: str | Path, image: Volume, label: int | None = None) -> Volume:
    """A DICOM segmentation as a label map: voxels hold the number of their segment.

    Args:
        path: DICOM file.
        image: volume that defines the grid; that of the segmentation may be flipped, permuted or a part of it.
        label: number of the segment to read; by default all, and an arbitrary one where segments overlap.

    Raises:
        InputError: highdicom is not installed, or the grids do not match.
    """
    try:
        import highdicom
    except ImportError as error:
        raise InputError(f"{path}: a DICOM segmentation needs highdicom; run: pip install highdicom") from error
    if image.dimension != 3:
        raise InputError(f"{path}: a DICOM segmentation, but the image is a plane; expected a DICOM series or a volume")
    try:
        segmentation = highdicom.seg.segread(path)
        wanted = [label] if label in segmentation.segment_numbers else None
        labels = segmentation.get_volume(
            segment_numbers=wanted, combine_segments=True, skip_overlap_checks=True, allow_missing_positions=True
        )
        labels = labels.match_geometry(_geometry(image), constant_value=0)
    except (RuntimeError, ValueError, KeyError, AttributeError) as error:
        reason = " ".join(str(error).split())
        problem = f"cannot be resampled onto the image's grid ({reason})"
        raise InputError(f"{path}: {problem}; expected the series it was drawn on") from error
    return image.with_values(np.ascontiguousarray(labels.array))


def _geometry(image: Volume) -> highdicom.VolumeGeometry:
    """The grid of a volume for highdicom, whose axes are those of the array: z, y, x."""
    import highdicom

    affine = np.eye(4)
    affine[:3, :3] = (image.direction * image.spacing)[:, ::-1]
    affine[:3, 3] = image.origin
    return highdicom.VolumeGeometry(affine, spatial_shape=image.values.shape, coordinate_system="PATIENT")
