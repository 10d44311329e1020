"""Headers of DICOM images: which files are images, and the planes that each of them contains."""

from __future__ import annotations

import os
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from .dicom_rules import Frame
from .stored_image import UnreadableImageError

if TYPE_CHECKING:
    import pydicom

__all__ = ["SEGMENTATION", "DicomSlice", "Plane", "dicom_files", "is_dicom", "planes_of", "read_header"]

SEGMENTATION = ("1.2.840.10008.5.1.4.1.1.66.4", "1.2.840.10008.5.1.4.1.1.66.7")  # binary or fractional; label map
# The elements that decide which files form one volume, and its geometry. Pixels are not read.
KEYWORDS = (
    "SOPClassUID",
    "PatientID",
    "SeriesInstanceUID",
    "FrameOfReferenceUID",
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
MAX_DEFLATED = 1 << 30  # bytes after decompression
AT_ONCE = 1 << 24  # bytes; a larger file is read element by element, as the copy would double its memory
NO_PREAMBLE = (b"\x02\x00", b"\x08\x00")  # first groups of files without preamble


@dataclass(frozen=True)
class DicomSlice:
    """One image file.

    Attributes:
        path: image file.
        header: requested elements, a :class:`pydicom.Dataset`.
        frame: frame to take of a film, see :class:`~common.images.dicom_rules.DicomRule`.
    """

    path: Path
    header: Any
    frame: Frame | None = None

    @cached_property
    def planes(self) -> list[Plane]:
        """The planes of the file, see :func:`planes_of`."""
        return list(planes_of(self.header, self.frame))

    @property
    def frame_number(self) -> int | None:
        """Number of the frame that is taken, from 1; ``None`` for a file of which all frames are."""
        count = int(self.header.get("NumberOfFrames") or 1)
        if self.frame is None or count == 1:
            return None
        if isinstance(self.frame, int):
            return self.frame
        return 1 if self.frame == "first" else (count + 1) // 2

    @property
    def name(self) -> str:
        """Number and description of the series, for messages."""
        number, description = self.header.get("SeriesNumber"), self.header.get("SeriesDescription")
        return f"series {number if number is not None else 'without number'} {description or 'without description'!r}"


@dataclass(frozen=True)
class Plane:
    """One slice: a single-frame file, or one frame of a file.

    Attributes:
        shape: rows and columns.
        orientation: direction cosines of a row and of a column, or ``None``.
        position: centre of the first pixel, LPS in mm, or ``None``.
        spacing: distance between rows and between columns in mm, or ``None``.
        thickness: distance to the next slice in mm according to the header, used only if there is no next slice.
        slope: rescale slope of the stored values.
        intercept: rescale intercept of the stored values.
        group: stack and time point, which must be the same for all slices of a volume.
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
    """Whether a file is DICOM, with or without preamble."""
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
        keywords: elements to read in addition to those that decide the geometry.
        pixels: whether to read all elements, including the pixels.

    Returns:
        The header, or ``None`` for files that are not DICOM or contain no pixels: reports, structure sets, a DICOMDIR.

    Raises:
        UnreadableImageError: the header of a DICOM file cannot be read, or the file ends before its image.
    """
    with open(path, "rb") as file:
        if not _begins_as_dicom(start := file.read(1024)):
            return None
        import pydicom  # takes 30 MB, which other formats do not need

        if DEFLATED in start:
            _check_deflated(file, start)
        file.seek(0)
        try:
            wanted = None if pixels else [*{*KEYWORDS, *keywords}]
            whole = pixels and os.fstat(file.fileno()).st_size <= AT_ONCE
            source = BytesIO(file.read()) if whole else file
            header = pydicom.dcmread(source, stop_before_pixels=not pixels, specific_tags=wanted, force=True)
            image = bool(header.get("Rows"))
            kind = header.get("SOPClassUID") or header.file_meta.get("MediaStorageSOPClassUID")
        except Exception as error:  # pydicom raises many types for damaged headers
            reason = " ".join(str(error).split())[:120]
            raise UnreadableImageError(f"found an unreadable DICOM header ({reason})") from error
    if image:
        return header
    if kind is not None and "Image Storage" in getattr(
        kind, "name", ""
    ):  # pydicom reads truncated files without an error
        raise UnreadableImageError("found an image's header without Rows, expected a complete file")
    return None


def _check_deflated(file: BinaryIO, start: bytes) -> None:
    """Refuse a deflated file that would fill the memory: pydicom decompresses it as a whole."""
    file.seek(144 + int.from_bytes(start[140:144], "little"))  # after the file meta information
    stream, size = zlib.decompressobj(-zlib.MAX_WBITS), 0
    while packed := file.read(1 << 16):
        while packed and size <= MAX_DEFLATED:
            size += len(stream.decompress(packed, 1 << 22))
            packed = stream.unconsumed_tail
        if size > MAX_DEFLATED:
            raise UnreadableImageError(
                f"found more than {MAX_DEFLATED >> 20} MiB compressed into one file, expected less"
            )


def dicom_files(folder: str | os.PathLike, pixels: bool = False) -> list[DicomSlice]:
    """The images in a folder without its subfolders; segmentations, which are masks, are left out.

    Args:
        folder: folder with DICOM files.
        pixels: whether to read the pixels too, see :func:`read_header`.

    Raises:
        UnreadableImageError: a file cannot be read; the message names it.
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


def planes_of(header: pydicom.Dataset, frame: Frame | None = None) -> Iterator[Plane]:
    """The planes of a file, in the order of its frames.

    Args:
        header: header of the file.
        frame: frame to take of a film, whose frames have no position.

    Raises:
        UnreadableImageError: the number of frames differs from the number of their descriptions, the file is a film of
            which no frame is chosen, or there is no such frame.
    """
    try:
        shape = (int(header.Rows), int(header.get("Columns") or 0))
        count = int(header.get("NumberOfFrames") or 1)
    except (TypeError, ValueError) as error:
        raise UnreadableImageError(f"found an unreadable DICOM header ({error})") from error
    frames = header.get("PerFrameFunctionalGroupsSequence")
    if frames and len(frames) != count:
        raise UnreadableImageError(
            f"found {len(frames)} descriptions of frames, expected {count} according to NumberOfFrames"
        )
    if not frames and count > 1 and frame is None:
        raise UnreadableImageError(
            f"found {count} frames without a position in the patient, as in a video, expected a volume; "
            "choose one in the rules of the DICOM series, such as frame: middle"
        )
    if frame is not None and frames:
        raise UnreadableImageError(f"found {count} frames with a position, expected a film; leave out the rule's frame")
    if isinstance(frame, int) and 1 < count < frame:
        raise UnreadableImageError(f"found {count} frames, expected one with the number {frame}; correct the rule")
    shared = next(iter(header.get("SharedFunctionalGroupsSequence") or ()), None)
    for described in frames or [None]:
        yield _plane(header, shape, [group for group in (described, shared) if group is not None])


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
    slope = _number("RescaleSlope", value("RescaleSlope", "PixelValueTransformationSequence"), 1.0)
    if slope == 0:
        raise UnreadableImageError("found a RescaleSlope of 0, which makes all voxels equal, expected another number")
    return Plane(
        shape=shape,
        orientation=_numbers("ImageOrientationPatient", orientation, 6),
        position=_numbers("ImagePositionPatient", value("ImagePositionPatient", "PlanePositionSequence"), 3),
        spacing=_numbers("PixelSpacing", value("PixelSpacing", measures), 2),
        thickness=_number("SliceThickness", thickness, 1.0) or 1.0,
        slope=slope,
        intercept=_number("RescaleIntercept", value("RescaleIntercept", "PixelValueTransformationSequence"), 0.0),
        group=tuple(
            str(value(keyword, "FrameContentSequence")) for keyword in ("StackID", "TemporalPositionIndex") if groups
        ),
    )


def _number(keyword: str, value: Any, default: float) -> float:
    numbers = None if value is None or value == "" else _numbers(keyword, [value], 1)
    return default if numbers is None else float(numbers[0])


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
