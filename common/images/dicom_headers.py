"""Headers of DICOM images: which files are images, and the planes in space that each of them holds."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from .stored_image import UnreadableImageError

if TYPE_CHECKING:
    import pydicom

__all__ = ["SEGMENTATION", "DicomSlice", "Plane", "dicom_files", "is_dicom", "planes_of", "read_header"]

SEGMENTATION = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")  # binary or fractional; label map
# What decides which files are one volume and where it lies. Pixels are not read.
KEYWORDS = (
    "SOPClassUID",
    "PatientID",
    "SeriesInstanceUID",
    "SeriesNumber",
    "SeriesDescription",
    "Rows",
    "Columns",
    "NumberOfFrames",
    "PhotometricInterpretation",
    "SamplesPerPixel",
    "ImageOrientationPatient",
    "ImagePositionPatient",
    "PixelSpacing",
    "SliceThickness",
    "SpacingBetweenSlices",
    "RescaleSlope",
    "RescaleIntercept",
    "SharedFunctionalGroupsSequence",
    "PerFrameFunctionalGroupsSequence",
)
DEFLATED = b"1.2.840.10008.1.2.1.99"  # a transfer syntax
MAX_DEFLATED = 1 << 30  # bytes unpacked
NO_PREAMBLE = (b"\x02\x00", b"\x08\x00")  # groups with which a file begins that has lost its preamble


@dataclass(frozen=True)
class DicomSlice:
    """One image file.

    Attributes:
        path: the file.
        header: the elements asked for, a :class:`pydicom.Dataset`.
    """

    path: Path
    header: Any

    @property
    def name(self) -> str:
        """The series as a person knows it."""
        number, description = self.header.get("SeriesNumber"), self.header.get("SeriesDescription")
        return f"series {number if number is not None else 'without number'} {description or 'without description'!r}"


@dataclass(frozen=True)
class Plane:
    """One slice, a file's or one frame of it.

    Attributes:
        shape: rows and columns.
        orientation: direction cosines of a row and of a column, ``None`` where the header has none.
        position: of the first pixel's centre, LPS in mm, or ``None``.
        spacing: between rows and between columns in mm, or ``None``.
        thickness: distance to the next slice in mm as the header says, which only decides where there is no next one.
        slope: of the stored values.
        intercept: of the stored values.
        group: stack and time point, which must be the same in a volume.
    """

    shape: tuple[int, int]
    orientation: np.ndarray | None
    position: np.ndarray | None
    spacing: np.ndarray | None
    thickness: float
    slope: float
    intercept: float
    group: tuple[Any, ...] = ()


def is_dicom(path: str | os.PathLike) -> bool:
    """Whether a file is DICOM, with its preamble or without."""
    with open(path, "rb") as file:
        return _begins_as_dicom(file.read(132))


def _begins_as_dicom(start: bytes) -> bool:
    if start[128:132] == b"DICM":
        return True
    if start[:2] not in NO_PREAMBLE or len(start) < 132:
        return False
    return (start[4:6].isalpha() and start[4:6].isupper()) or int.from_bytes(start[4:8], "little") <= 128


def read_header(path: str | os.PathLike, keywords: Sequence[str] = (), pixels: bool = False) -> pydicom.Dataset | None:
    """The header of a DICOM image.

    Args:
        path: any file.
        keywords: elements wanted beside those that decide the geometry.
        pixels: read all elements, those of the pixels too.

    Returns:
        The header, or ``None``: not DICOM, or a report, a structure set, a DICOMDIR, which hold no pixels.

    Raises:
        UnreadableImageError: a DICOM file whose header cannot be read, or that ends before its image.
    """
    import pydicom

    with open(path, "rb") as file:
        if not _begins_as_dicom(start := file.read(1024)):
            return None
        if DEFLATED in start:
            _check_deflated(file, start)
        file.seek(0)
        try:
            wanted = None if pixels else [*{*KEYWORDS, *keywords}]
            header = pydicom.dcmread(file, stop_before_pixels=not pixels, specific_tags=wanted, force=True)
            image = bool(header.get("Rows"))
            kind = header.get("SOPClassUID") or header.file_meta.get("MediaStorageSOPClassUID")
        except Exception as error:  # whatever a broken header makes of pydicom
            reason = " ".join(str(error).split())[:120]
            raise UnreadableImageError(f"found an unreadable DICOM header ({reason})") from error
    if image:
        return header
    if kind is not None and "Image Storage" in getattr(kind, "name", ""):  # pydicom takes what there is of a file
        raise UnreadableImageError("found an image's header without Rows, expected a whole file")
    return None


def _check_deflated(file: BinaryIO, start: bytes) -> None:
    """Refuse a packed file that would fill the memory: pydicom unpacks all that is there."""
    file.seek(144 + int.from_bytes(start[140:144], "little"))  # behind the file's meta information
    stream, size = zlib.decompressobj(-zlib.MAX_WBITS), 0
    while packed := file.read(1 << 16):
        while packed and size <= MAX_DEFLATED:
            size += len(stream.decompress(packed, 1 << 22))
            packed = stream.unconsumed_tail
        if size > MAX_DEFLATED:
            raise UnreadableImageError(f"found more than {MAX_DEFLATED >> 20} MiB packed in one file, expected less")


def dicom_files(folder: str | os.PathLike, pixels: bool = False) -> list[DicomSlice]:
    """The images in a folder, without those in folders below; segmentations, which are masks, are left out.

    Args:
        folder: the folder.
        pixels: see :func:`read_header`.

    Raises:
        UnreadableImageError: a file cannot be read, with its name.
    """
    found = []
    for path in sorted(Path(folder).iterdir()):
        if path.name.startswith(".") or not path.is_file():
            continue
        try:
            header = read_header(path, pixels=pixels)
        except UnreadableImageError as error:
            raise UnreadableImageError(f"{path.name}: {error}") from error
        if header is not None and header.get("SOPClassUID") not in SEGMENTATION:
            found.append(DicomSlice(path, header))
    return found


def planes_of(header: pydicom.Dataset) -> Iterator[Plane]:
    """The planes of a file, in the order in which it holds them.

    Raises:
        UnreadableImageError: the number of frames is not that of their descriptions.
    """
    try:
        shape = (int(header.Rows), int(header.get("Columns") or 0))
        count = int(header.get("NumberOfFrames") or 1)
    except (TypeError, ValueError) as error:
        raise UnreadableImageError(f"found an unreadable DICOM header ({error})") from error
    frames = header.get("PerFrameFunctionalGroupsSequence")
    if frames and len(frames) != count:
        raise UnreadableImageError(
            f"found {len(frames)} descriptions of frames, expected {count} as NumberOfFrames says"
        )
    if not frames and count > 1:
        raise UnreadableImageError(
            f"found {count} frames without a position in the patient, as in a film, expected a volume; give one picture"
        )
    shared = next(iter(header.get("SharedFunctionalGroupsSequence") or ()), None)
    for frame in frames or [None]:
        yield _plane(header, shape, [group for group in (frame, shared) if group is not None])


def _plane(header: pydicom.Dataset, shape: tuple[int, int], groups: Sequence[pydicom.Dataset]) -> Plane:
    def value(keyword: str, macro: str) -> Any:
        """From the frame's functional groups, else the shared ones, else the header itself."""
        for group in groups:
            for item in group.get(macro) or ():
                if item.get(keyword) is not None:
                    return item.get(keyword)
        return header.get(keyword)

    measures = "PixelMeasuresSequence"
    thickness = value("SpacingBetweenSlices", measures) or value("SliceThickness", measures)
    orientation = value("ImageOrientationPatient", "PlaneOrientationSequence")
    slope = value("RescaleSlope", "PixelValueTransformationSequence")
    return Plane(
        shape=shape,
        orientation=_numbers("ImageOrientationPatient", orientation, 6),
        position=_numbers("ImagePositionPatient", value("ImagePositionPatient", "PlanePositionSequence"), 3),
        spacing=_numbers("PixelSpacing", value("PixelSpacing", measures), 2),
        thickness=_number("SliceThickness", thickness, 1.0) or 1.0,
        slope=_number("RescaleSlope", slope, 1.0),
        intercept=_number("RescaleIntercept", value("RescaleIntercept", "PixelValueTransformationSequence"), 0.0),
        group=tuple(
            str(value(keyword, "FrameContentSequence")) for keyword in ("StackID", "TemporalPositionIndex") if groups
        ),
    )


def _number(keyword: str, value: Any, default: float) -> float:
    if value is None or value == "":
        return default
    return float(_numbers(keyword, [value], 1)[0])


def _numbers(keyword: str, value: Any, count: int) -> np.ndarray | None:
    if value is None or value == "" or (not np.isscalar(value) and len(value) == 0):
        return None
    try:
        numbers = np.asarray([float(item) for item in value])
    except (TypeError, ValueError) as error:
        raise UnreadableImageError(f"found {keyword} {value!r}, expected {count} numbers") from error
    if numbers.shape != (count,) or not np.isfinite(numbers).all():
        raise UnreadableImageError(f"found {keyword} {value!r}, expected {count} finite numbers")
    return numbers
