"""Structure sets (RTSTRUCT) as masks on the grid of the series on which they were drawn."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import InputError, one_line
from .dicom_headers import is_dicom
from .dicom_rules import DicomRule

if TYPE_CHECKING:
    import SimpleITK as sitk  # noqa: N813

__all__ = ["choose_structure", "read_structure", "structure_set_header"]

STRUCTURE_SET = "1.2.840.10008.5.1.4.1.1.481.3"
KEYWORDS = ("SOPClassUID", "StudyInstanceUID", "SeriesInstanceUID", "PatientID", "SeriesNumber", "SeriesDescription")
NAME = "ROIName"


def structure_set_header(path: str | Path) -> Any | None:
    """The header of a structure set with the names of its structures; ``None`` for any other file.

    Args:
        path: any file.
    """
    import pydicom

    if not is_dicom(path):
        return None
    try:
        header = pydicom.dcmread(path, specific_tags=[*KEYWORDS, "StructureSetROISequence"], force=True)
        return header if header.get("SOPClassUID") == STRUCTURE_SET else None
    except Exception:  # pydicom raises many types for damaged headers
        return None


def choose_structure(header: Any, rule: DicomRule | None) -> str:
    """Name of the structure that is the mask: that which ``ROIName`` of the rule matches, or the only one.

    Args:
        header: header of the structure set.
        rule: rule of the mask.

    Raises:
        InputError: several structures match, or none.
    """
    names = [str(item.get(NAME, "")) for item in header.get("StructureSetROISequence") or ()]
    pattern = None if rule is None else rule.texts.get(NAME)
    found = names if pattern is None else [name for name in names if pattern.search(name)]
    if len(found) != 1:
        raise InputError(
            f"found {len(found)} structures ({', '.join(found or names)}), expected one; choose it by a rule such as "
            'mask: {ROIName: "(?i)^gtv$"}'
        )
    return found[0]


def read_structure(path: Path, series: Sequence[Path], image: sitk.Image, name: str) -> sitk.Image:
    """A structure as a mask of 0 and 1.

    Args:
        path: structure set.
        series: files of the series on which it was drawn.
        image: volume of that series, which defines the grid.
        name: name of the structure.

    Raises:
        InputError: DicomRTTool is not installed, or the structure set does not belong to the series.
    """
    import SimpleITK as sitk  # noqa: N813

    try:
        from DicomRTTool.ReaderWriter import DicomReaderWriter
    except ImportError as error:
        raise InputError(f"{path.name}: a structure set needs DicomRTTool; run: pip install dicomrttool") from error
    with tempfile.TemporaryDirectory() as folder:
        for number, file in enumerate([path, *series]):
            (Path(folder) / f"{number:05d}.dcm").symlink_to(file.resolve())
        try:
            reader = DicomReaderWriter(Contour_Names=[name], arg_max=True, verbose=False)
            reader.walk_through_folders(folder, thread_count=1)
            if not reader.indexes_with_contours:
                raise ValueError("it does not refer to the series")
            reader.set_index(reader.indexes_with_contours[0])
            reader.get_images_and_mask()
        except Exception as error:  # of a reader of files of any kind
            raise InputError(
                f"{path.name}: the structure {name!r} cannot be drawn on the image ({one_line(error)}); expected a "
                "structure set of the chosen series"
            ) from error
        mask = sitk.Cast(reader.annotation_handle > 0, sitk.sitkUInt8)
    return sitk.Resample(mask, image, sitk.Transform(), sitk.sitkNearestNeighbor, 0)
