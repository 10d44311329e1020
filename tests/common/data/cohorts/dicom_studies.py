"""Synthetic DICOM studies: small series with headers that distinguish the modalities."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid

ROWS, COLUMNS, SPACING, DISTANCE = 6, 5, (1.5, 1.25), 7.0


def write_series(
    folder: Path, description: str, echo_time: float, *, count: int = 4, uid: str | None = None, value: int = 0, **tags
) -> str:
    """Write ``count`` transverse slices into the folder, in addition to its files, and return the UID of the series.

    Pixel ``(row r, column c)`` of slice ``k`` holds ``value + 100 k + 10 r + c``. ``tags`` are set in each header.
    """
    folder.mkdir(parents=True, exist_ok=True)
    uid = uid or generate_uid()
    for k in range(count):
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID = MRImageStorage
        meta.MediaStorageSOPInstanceUID = generate_uid()
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        data = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
        data.SOPClassUID, data.SOPInstanceUID = MRImageStorage, meta.MediaStorageSOPInstanceUID
        data.Modality, data.SeriesInstanceUID, data.InstanceNumber = "MR", uid, k + 1
        data.SeriesDescription, data.EchoTime = description, echo_time
        data.Rows, data.Columns, data.PixelSpacing = ROWS, COLUMNS, list(SPACING)
        data.ImageOrientationPatient, data.ImagePositionPatient = [1, 0, 0, 0, 1, 0], [0.0, 0.0, DISTANCE * k]
        data.SliceThickness = DISTANCE
        data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
        data.BitsAllocated = data.BitsStored = 16
        data.HighBit, data.PixelRepresentation = 15, 1
        pixels = value + 100 * k + 10 * np.arange(ROWS)[:, None] + np.arange(COLUMNS)
        data.PixelData = pixels.astype(np.int16).tobytes()
        for keyword, content in tags.items():
            setattr(data, keyword, content)
        number = len(list(folder.iterdir()))
        data.save_as(folder / f"{(7 * number) % 101:03d}-{number}.dcm", enforce_file_format=True)  # names in no order
    return uid


def expected_voxels(value: int = 0, count: int = 4) -> np.ndarray:
    """The volume ``(column, row, slice)`` of :func:`write_series`."""
    k, r, c = np.arange(count), np.arange(ROWS), np.arange(COLUMNS)
    return (value + 100 * k[None, None] + 10 * r[None, :, None] + c[:, None, None]).astype(np.float64)


def write_patient(folder: Path, *, echoes_together: bool = False, without: tuple[str, ...] = ()) -> None:
    """A localizer, T2, and T1 in and out of phase: two series, or one series of two echoes in one folder."""
    write_series(folder / "1_loc", "LOCALIZER", 1.4, count=1)
    if "T2" not in without:
        write_series(folder / "2", "AX T2 fs", 90.0, value=2000)
    dual = folder / "3_dual"
    uid = write_series(dual, "AX T1 in", 4.6, value=1000) if "T1" not in without else None
    if "OUT" in without:
        return
    if echoes_together:
        write_series(dual, "AX T1 in", 2.3, uid=uid, value=3000)
    else:
        write_series(folder / "4_out", "AX T1 opposed", 2.3, value=3000)
