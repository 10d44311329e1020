from __future__ import annotations

import numpy as np
import pydicom
import pytest
from monai.transforms import LoadImage
from pydicom.dataset import FileDataset, FileMetaDataset
from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian, generate_uid

from common.images.dicom_series import check_dicom_series, read_dicom
from common.images.stored_image import UnreadableImageError

SERIES = generate_uid()


def write_series(
    folder, positions, *, orientation=(1, 0, 0, 0, 1, 0), series=SERIES, rows=6, start=0, drop=(), **values
):
    folder.mkdir(exist_ok=True)
    for i, position in enumerate(positions, start=start):
        meta = FileMetaDataset()
        meta.MediaStorageSOPClassUID = CTImageStorage
        meta.MediaStorageSOPInstanceUID = generate_uid()
        meta.TransferSyntaxUID = ExplicitVRLittleEndian
        data = FileDataset(None, {}, file_meta=meta, preamble=b"\0" * 128)
        data.SOPClassUID, data.SOPInstanceUID = CTImageStorage, meta.MediaStorageSOPInstanceUID
        data.Modality, data.SeriesInstanceUID, data.InstanceNumber = "CT", series, i + 1
        data.Rows, data.Columns, data.PixelSpacing = rows, 5, [0.8, 0.8]
        data.ImageOrientationPatient, data.ImagePositionPatient = list(orientation), [float(x) for x in position]
        data.SamplesPerPixel, data.PhotometricInterpretation = 1, "MONOCHROME2"
        data.BitsAllocated = data.BitsStored = 16
        data.HighBit, data.PixelRepresentation = 15, 1
        data.PixelData = np.full((rows, 5), i, dtype=np.int16).tobytes()
        for tag in drop:
            delattr(data, tag)
        for tag, value in values.items():
            setattr(data, tag, value)
        data.save_as(folder / f"{i:03d}.dcm", enforce_file_format=True)
    return folder


def stack(count, step=2.0):
    return [(0, 0, step * i) for i in range(count)]


def test_a_regular_series_passes_whatever_the_order_of_its_files(tmp_path):
    check_dicom_series(write_series(tmp_path / "up", stack(8)))
    check_dicom_series(write_series(tmp_path / "mixed", [stack(8)[i] for i in (3, 0, 5, 1, 7, 2, 6, 4)]))


def test_an_oblique_series_passes_and_has_the_geometry_that_monai_reads(tmp_path):
    angle = np.radians(20)
    row, column = np.array([np.cos(angle), np.sin(angle), 0]), np.array([0, 0, -1.0])
    normal = np.cross(row, column)
    folder = write_series(tmp_path / "s", [3.0 * i * normal for i in range(5)], orientation=(*row, *column))
    affine = LoadImage()(folder).affine.numpy()
    np.testing.assert_allclose(check_dicom_series(folder).affine, affine, atol=1e-6)
    np.testing.assert_allclose(np.linalg.norm(affine[:3, :3], axis=0), (0.8, 0.8, 3.0), atol=1e-5)


def test_rounded_positions_pass(tmp_path):
    check_dicom_series(write_series(tmp_path / "s", [(0, 0, round(1.25 * i, 1)) for i in range(30)]))


@pytest.mark.parametrize(
    ("positions", "reason"),
    [
        ([*stack(4), (0, 0, 10), (0, 0, 12)], "slice distances from 2 to 4 mm"),
        ([*stack(4), (0, 0, 2.0)], "two slices at one position"),
        ([(0, 0.5 * i, 2.0 * i) for i in range(6)], "sheared by 14 degrees"),
    ],
)
def test_an_irregular_series_is_refused(tmp_path, positions, reason):
    with pytest.raises(ValueError, match=reason):
        check_dicom_series(write_series(tmp_path / "s", positions))


def test_two_series_in_one_folder_are_refused(tmp_path):
    folder = write_series(tmp_path / "s", stack(4))
    write_series(folder, [(0, 0, 100 + z) for *_, z in stack(3)], series=generate_uid(), start=4)
    with pytest.raises(ValueError, match="found 2 series in 7 files"):
        check_dicom_series(folder)


def test_two_orientations_or_sizes_in_one_series_are_refused(tmp_path):
    folder = write_series(tmp_path / "o", stack(4))
    write_series(folder, [(0, 0, 50)], orientation=(1, 0, 0, 0, 0, -1), start=4)
    with pytest.raises(ValueError, match="slice orientations that differ by 1"):
        check_dicom_series(folder)
    folder = write_series(tmp_path / "r", stack(4))
    write_series(folder, [(0, 0, 8)], rows=7, start=4)
    with pytest.raises(ValueError, match="found slices of 6 x 5, 7 x 5 pixels"):
        check_dicom_series(folder)


def test_slices_without_positions_are_no_volume(tmp_path):
    folder = write_series(tmp_path / "s", stack(3), drop=("ImagePositionPatient",))
    with pytest.raises(ValueError, match="without position"):
        check_dicom_series(folder)


def test_a_folder_without_dicom_is_reported(tmp_path):
    (tmp_path / "notes.txt").write_text("none")
    with pytest.raises(ValueError, match="without DICOM images"):
        check_dicom_series(tmp_path)


def test_other_files_in_the_folder_are_passed_over(tmp_path):
    folder = write_series(tmp_path / "s", stack(4))
    (folder / "LICENSE").write_text("free")
    check_dicom_series(folder)
    assert pydicom.misc.is_dicom(folder / "000.dcm")


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"RescaleSlope": "0", "RescaleIntercept": "0"}, "found a RescaleSlope of 0, which makes all voxels equal"),
        ({"BitsStored": 12, "HighBit": 15}, "found HighBit 15 in 000.dcm, expected 11 for 12 BitsStored"),
    ],
)
def test_a_header_that_spoils_the_values_is_refused(tmp_path, values, reason):
    folder = write_series(tmp_path / "s", stack(4), **values)
    with pytest.raises(UnreadableImageError, match=reason):
        read_dicom(folder)
    assert read_dicom(write_series(tmp_path / "right", stack(4), BitsStored=12, HighBit=11)).voxels.max() == 3
