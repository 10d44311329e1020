"""DICOM slices as one volume: check of the regular grid, geometry and intensities.

ITK stacks any slices: with a missing slice, a tilted gantry or two orientations in the folder it warns at most and
returns a volume with wrong geometry, and it applies the rescaling of the first slice to all. Here each slice has its
own rescaling, and slices that are no regular volume are refused with the reason.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from ..programs import command_of
from .dicom_headers import SEGMENTATION, DicomSlice, Plane, dicom_files, read_header
from .dicom_rules import Frame
from .stored_image import StoredImage, UnreadableImageError, grey_of_colours

if TYPE_CHECKING:
    import pydicom
    from pydicom.uid import UID

__all__ = ["check_dicom_series", "read_dicom", "stack_of"]

# Allowed distance of a slice from its position on the grid: a fraction of the slice distance, or in plane of the pixel
# spacing.
MAX_SHIFT = 0.1
MAX_TILT = 1e-3  # allowed difference of direction cosines, and relative difference of spacings; headers are rounded
STARTS = (b"\xff\xd8", b"\xff\x4f", b"\x00\x00\x00\x0cjP  ")  # of JPEG and JPEG-LS, JPEG 2000, and its file
TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
# A volume has one of each; positions in two frames of reference cannot be compared.
ONE_EACH = {"SeriesInstanceUID": "series", "PatientID": "patients", "FrameOfReferenceUID": "frames of reference"}


def check_dicom_series(path: str | os.PathLike) -> StoredImage:
    """Check that a folder or file is one series of slices on a regular, orthogonal grid, or one picture.

    Args:
        path: folder with one DICOM series, in which reports, segmentations and other files are ignored; or one file
            with one or more frames.

    Returns:
        The image with its shape and geometry; the voxels are not read, but 0 without taking memory.

    Raises:
        UnreadableImageError: the image is unusable; the message states what was found and expected, without the path.
    """
    _, affine, shape = stack_of(_slices(path))
    placeholder = np.broadcast_to(np.zeros((), np.uint8), shape[:2] if affine is None else shape)
    return StoredImage(placeholder, placeholder.ndim, affine)


def read_dicom(source: str | os.PathLike | Sequence[Path], frame: Frame | None = None) -> StoredImage:
    """Read a DICOM series, or a file with one or more frames, in rescaled units (HU in CT).

    Stored values are scaled by the slope and intercept of each slice. MONOCHROME1 only affects display: values of
    volumes are not inverted, and pictures, which have no unit, are refused.

    Args:
        source: path as in :func:`check_dicom_series`, or the files of one series.
        frame: frame to take of a film, see :class:`~common.images.dicom_rules.DicomRule`; it becomes a picture.

    Raises:
        UnreadableImageError: see :func:`check_dicom_series`; or the pixels cannot be read, or their number differs
            from the header.
    """
    slices = [replace(item, frame=frame) for item in _slices(source, pixels=True)]
    order, affine, shape = stack_of(slices)
    places = np.empty(len(order), dtype=int)
    places[order] = np.arange(len(order))
    per_file = [item.planes for item in slices]
    whole = all(plane.slope.is_integer() and plane.intercept.is_integer() for planes in per_file for plane in planes)
    # allocated only after the first file was found to have as many pixels as its header states
    voxels, number = np.empty((0, 0, 0)), 0
    for item, planes in zip(slices, per_file, strict=True):
        frames = _stored_values(item)
        if frames.shape != (len(planes), *planes[0].shape):
            expected = (len(planes), *planes[0].shape)
            raise UnreadableImageError(f"found pixels of shape {frames.shape} in {item.path.name}, expected {expected}")
        for stored, plane in zip(frames, planes, strict=True):
            values = stored
            if plane.slope != 1 or plane.intercept != 0:
                values = stored * np.float64(plane.slope) + plane.intercept
                values = values.astype(np.int32 if whole and stored.dtype.itemsize < 4 else np.float32)
            if not number:
                voxels = np.empty(shape[::-1], dtype=values.dtype)
            voxels = voxels.astype(np.result_type(voxels, values), copy=False)
            voxels[places[number]] = values
            number += 1
    return StoredImage(voxels.T if affine is not None else voxels[0].T, 2 if affine is None else 3, affine)


def stack_of(slices: Sequence[DicomSlice]) -> tuple[np.ndarray, np.ndarray | None, tuple[int, int, int]]:
    """Order and geometry of a stack of slices.

    Args:
        slices: slices in any order.

    Returns:
        Indices of the planes (all frames of the first file, then of the next) in order along the normal; affine from
        indices of column, row and slice to RAS millimetres, ``None`` for one picture without a position in the
        patient; number of columns, rows and slices.

    Raises:
        UnreadableImageError: the slices belong to several series, patients or frames of reference, or form no regular
            volume.
    """
    if not slices:
        raise UnreadableImageError("found a folder without DICOM images, expected a DICOM series")
    for keyword, what in ONE_EACH.items():
        values = {str(item.header.get(keyword) or "") for item in slices}
        if keyword == "FrameOfReferenceUID":  # some converters leave it out of some files
            values.discard("")
        if len(values) > 1:
            raise UnreadableImageError(
                f"found {len(values)} {what} in {len(slices)} files, expected one series of one patient"
            )
    planes = [plane for item in slices for plane in item.planes]
    if len({plane.shape for plane in planes}) > 1:
        shapes = ", ".join(f"{rows} x {columns}" for rows, columns in sorted({plane.shape for plane in planes}))
        raise UnreadableImageError(f"found slices of {shapes} pixels, expected one size")
    rows, columns = planes[0].shape
    if len(planes) == 1 and planes[0].orientation is None:
        if slices[0].header.get("PhotometricInterpretation") == "MONOCHROME1":
            raise UnreadableImageError("found an inverted picture (MONOCHROME1), expected MONOCHROME2; convert it")
        return np.zeros(1, dtype=int), None, (columns, rows, 1)
    order, affine = _grid(planes)
    return order, affine, (columns, rows, len(planes))


def _slices(source: str | os.PathLike | Sequence[Path], pixels: bool = False) -> list[DicomSlice]:
    if isinstance(source, str | os.PathLike) and Path(source).is_dir():
        return dicom_files(source, pixels)
    found = []
    for path in [Path(source)] if isinstance(source, str | os.PathLike) else source:
        header = read_header(path, pixels=pixels)
        if header is None:
            raise UnreadableImageError(f"found no pixels in {path.name}, expected a DICOM image")
        if header.get("SOPClassUID") in SEGMENTATION:
            raise UnreadableImageError(
                f"found a DICOM segmentation ({path.name}), expected an image, or a mask on its grid; convert it with "
                f"{command_of('make_datalist')} dicom --convert, or delete the row"
            )
        found.append(DicomSlice(path, header))
    return found


def _grid(planes: Sequence[Plane]) -> tuple[np.ndarray, np.ndarray]:
    """Indices of the planes in order along the normal, and the affine to RAS millimetres."""
    missing = sum(plane.position is None or plane.orientation is None or plane.spacing is None for plane in planes)
    if missing:
        raise UnreadableImageError(
            f"found {missing} slices without position, orientation or spacing, expected a volume"
        )
    orientations, spacings, positions = (
        np.stack([getattr(plane, name) for plane in planes]) for name in ("orientation", "spacing", "position")
    )
    spacing, orientation = np.median(spacings, axis=0), orientations[0]
    if spacing.min() <= 0:
        raise UnreadableImageError(f"found PixelSpacing {spacing.tolist()}, expected sizes above 0")
    if (tilt := np.abs(orientations - orientation).max()) > MAX_TILT:
        raise UnreadableImageError(f"found slice orientations that differ by {tilt:.2g}, expected parallel slices")
    if (change := np.abs(spacings / spacing - 1).max()) > MAX_TILT:
        raise UnreadableImageError(f"found pixel spacings with a relative difference of {change:.2g}, expected one")
    if len({plane.group for plane in planes}) > 1:
        raise UnreadableImageError(
            f"found {len({plane.group for plane in planes})} stacks or time points, expected one"
        )
    row, column = orientation.reshape(2, 3)
    normal = np.cross(row, column)
    if abs(row @ column) > 0.01 or not np.allclose([row @ row, column @ column], 1, atol=0.02):
        raise UnreadableImageError(
            "found an ImageOrientationPatient without a right angle, expected orthogonal unit vectors"
        )
    order = np.argsort(positions @ normal, kind="stable")
    positions = positions[order]
    step = _step(positions, normal, spacing) if len(planes) > 1 else normal * abs(planes[0].thickness)
    affine = np.eye(4)
    affine[:3] = np.stack([row * spacing[1], column * spacing[0], step, positions[0]], axis=1)
    return order, TO_RAS @ affine


def _step(positions: np.ndarray, normal: np.ndarray, spacing: np.ndarray) -> np.ndarray:
    """Vector from one slice to the next, checked to be the same for all."""
    gaps = np.diff(positions @ normal)
    gap = float(np.median(gaps))
    if gaps.min() < MAX_SHIFT * max(gap, 1e-6):
        raise UnreadableImageError(f"found two slices at one position among {len(positions)}, expected a volume")
    if np.abs(gaps - gap).max() > MAX_SHIFT * gap:
        raise UnreadableImageError(
            f"found slice distances from {gaps.min():.3g} to {gaps.max():.3g} mm, expected equal ones (a slice is "
            "missing or the series is irregular)"
        )
    offset = positions - positions[0]
    sideways = np.linalg.norm(offset - np.outer(offset @ normal, normal), axis=1)
    if sideways.max() > MAX_SHIFT * spacing.min():
        degrees = np.degrees(np.arctan2(sideways[-1], offset[-1] @ normal))
        raise UnreadableImageError(
            f"found slices sheared by {degrees:.2g} degrees (gantry tilt) or shifted by {sideways.max():.2g} mm, "
            "expected a stack along its normal"
        )
    return offset[-1] / (len(positions) - 1)


def _stored_values(item: DicomSlice) -> np.ndarray:
    """Values of the frames of a file, ``[frames, rows, columns]``, before rescaling; its encoded pixels are dropped."""
    from pydicom.pixels import apply_color_lut, pixel_array

    path, data, number = item.path, item.header, item.frame_number
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # values that violate the standard
            name = _check_pixels(data, path)
            values = pixel_array(data, index=None if number is None else number - 1)
            del data[name]
            if data.get("PhotometricInterpretation") == "PALETTE COLOR":
                values = apply_color_lut(values, data)
            if values.shape[-1] == 3 and values.ndim > 2 and values.shape[-3:-1] == (data.Rows, data.Columns):
                values = grey_of_colours(values)
    except UnreadableImageError:
        raise
    except Exception as error:  # decoders raise many types
        reason = " ".join(str(error).split())[:120] or type(error).__name__
        raise UnreadableImageError(f"found unreadable pixels in {path.name} ({reason})") from error
    several = number is None and int(data.get("NumberOfFrames") or 1) > 1
    return values if several else values.reshape(1, *values.shape[-2:])


def _check_pixels(data: pydicom.Dataset, path: Path) -> str:
    """Check that the number of pixels agrees with the header, and return the name of their element."""
    from pydicom.uid import ExplicitVRBigEndian, ExplicitVRLittleEndian, ImplicitVRLittleEndian

    names = [name for name in ("PixelData", "FloatPixelData", "DoubleFloatPixelData") if name in data]
    if len(names) != 1:
        raise UnreadableImageError(f"found no pixels in {path.name}, expected a complete file")
    if "ModalityLUTSequence" in data:
        raise UnreadableImageError(
            f"found a table of values (Modality LUT) in {path.name}, expected slope and intercept"
        )
    stored, high = data.get("BitsStored"), data.get("HighBit")
    if stored and high is not None and int(high) != int(stored) - 1:  # pydicom would take the lower bits
        raise UnreadableImageError(
            f"found HighBit {high} in {path.name}, expected {int(stored) - 1} for {stored} BitsStored"
        )
    if "TransferSyntaxUID" not in data.file_meta:  # files without preamble
        implicit, little = data.original_encoding
        known = ExplicitVRBigEndian if not little else ImplicitVRLittleEndian if implicit else ExplicitVRLittleEndian
        data.file_meta.TransferSyntaxUID = known
    frames, samples = int(data.get("NumberOfFrames") or 1), int(data.get("SamplesPerPixel") or 1)
    if data.file_meta.TransferSyntaxUID.is_encapsulated:
        _check_decoder(data.file_meta.TransferSyntaxUID, path)
        if (number := _encoded_frames(data, names[0])) != frames:
            raise UnreadableImageError(
                f"found {number} compressed frames in {path.name}, expected {frames} according to NumberOfFrames"
            )
        return names[0]
    bits = frames * samples * int(data.Rows) * int(data.Columns) * int(data.BitsAllocated)
    if data.get("PhotometricInterpretation") == "YBR_FULL_422":
        bits = bits * 2 // 3
    expected, found = (bits + 7) // 8, len(data[names[0]].value)
    if found not in (expected, expected + expected % 2):
        raise UnreadableImageError(
            f"found {found} bytes of pixels in {path.name}, expected {expected} for Rows x Columns x frames"
        )
    return names[0]


def _check_decoder(syntax: UID, path: Path) -> None:
    """Refuse a compression that no installed package decodes."""
    from pydicom.pixels import get_decoder

    try:
        decoder = get_decoder(syntax)
    except NotImplementedError:  # such as video
        needed, remedy = "", "convert the file to uncompressed pictures"
    else:
        if decoder.is_available:
            return
        packages = " or ".join(
            text.rpartition("requires ")[2].replace(", ", " and ") for text in decoder.missing_dependencies
        )
        needed, remedy = f" without {packages}", "install what is missing, or uncompress the file"
    raise UnreadableImageError(
        f"found the compression {syntax.name} in {path.name}, which cannot be decoded{needed}, expected another one; "
        f"{remedy}"
    )


def _encoded_frames(data: pydicom.Dataset, name: str) -> int:
    """Number of compressed frames, by the starts of fragments; pydicom relies on NumberOfFrames and offset tables."""
    from pydicom.encaps import generate_fragments, parse_basic_offsets

    content = BytesIO(data[name].value)
    parse_basic_offsets(content)
    fragments = [fragment[:8] for fragment in generate_fragments(content) if fragment]
    # A frame of JPEG, JPEG-LS or JPEG 2000 may have several fragments, of which the first begins with a marker.
    return sum(fragment.startswith(STARTS) for fragment in fragments) or len(fragments)
