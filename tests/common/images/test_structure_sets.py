from __future__ import annotations

from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom import Dataset
from pydicom.uid import generate_uid

from common.errors import InputError
from common.images.dicom_files import choose_mask, choose_series, write_mask, write_volume
from common.images.dicom_rules import parse_dicom_rules
from common.images.read import read_image
from common.images.studies import find_studies
from tests.common.deploy.made_studies import write_dicom

pytest.importorskip("DicomRTTool")
SHAPE, SPACING = (40, 32, 6), (0.8, 0.8, 2.5)
RULES = parse_dicom_rules({"T1": {"SeriesDescription": "T1"}, "mask": {"ROIName": "(?i)^gtv"}}, "rules")


def ellipse(radius: float, centre: tuple[float, float] = (18.0, 15.0)) -> np.ndarray:
    """Corners ``[n, 2]`` of an ellipse, in voxels."""
    angle = np.linspace(0, 2 * np.pi, 90, endpoint=False)
    return np.stack([centre[0] + radius * np.cos(angle), centre[1] + 0.6 * radius * np.sin(angle)], axis=1)


def write_structures(path: Path, files: list[Path], affine: np.ndarray, structures: dict[str, dict[int, np.ndarray]]):
    """A structure set with polygons in voxels, by name and slice."""
    headers = [pydicom.dcmread(file, stop_before_pixels=True) for file in files]
    data = pydicom.dcmread(files[0])
    del data.PixelData, data.Rows, data.Columns
    data.SOPClassUID = data.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.481.3"
    data.SOPInstanceUID = data.file_meta.MediaStorageSOPInstanceUID = generate_uid()
    data.Modality, data.SeriesDescription, data.SeriesInstanceUID = "RTSTRUCT", "contours", generate_uid()
    series, study, frame = Dataset(), Dataset(), Dataset()
    series.SeriesInstanceUID, frame.FrameOfReferenceUID = headers[0].SeriesInstanceUID, headers[0].FrameOfReferenceUID
    series.ContourImageSequence, study.RTReferencedSeriesSequence = [], [series]
    frame.RTReferencedStudySequence = [study]
    data.ReferencedFrameOfReferenceSequence = [frame]
    data.StructureSetROISequence, data.ROIContourSequence, data.RTROIObservationsSequence = [], [], []
    for number, (name, polygons) in enumerate(structures.items(), 1):
        structure, contours = Dataset(), Dataset()
        structure.ROINumber, structure.ROIName = number, name
        structure.ReferencedFrameOfReferenceUID = frame.FrameOfReferenceUID
        contours.ReferencedROINumber, contours.ContourSequence = number, []
        for k, corners in polygons.items():
            contour, points = Dataset(), np.c_[corners, np.full(len(corners), k), np.ones(len(corners))]
            contour.ContourGeometricType, contour.NumberOfContourPoints = "CLOSED_PLANAR", len(corners)
            places = (np.diag([-1, -1, 1, 1]) @ affine @ points.T).T[:, :3]
            contour.ContourData = [f"{value:.4f}" for value in places.ravel()]
            contours.ContourSequence.append(contour)
        data.StructureSetROISequence.append(structure)
        data.ROIContourSequence.append(contours)
    data.save_as(path, enforce_file_format=True)


@pytest.fixture
def study(tmp_path):
    """A series, and a structure set with a tumour of two radii and an organ."""
    affine = np.diag([*SPACING, 1.0])
    affine[:3, 3] = (-12, 7, 30)
    uid = generate_uid()[:50].rstrip(".")
    files = write_dicom(tmp_path / "in/T1", np.ones(SHAPE), affine, "T1", uid)
    polygons = {"GTV": {2: ellipse(9), 3: ellipse(6)}, "Brain": {k: ellipse(14) for k in range(6)}}
    write_structures(tmp_path / "in/rs.dcm", files, affine, polygons)
    (found,), unreadable = find_studies(tmp_path / "in", ["SeriesDescription"])
    assert not unreadable
    return found


def test_the_structure_that_the_rule_names_becomes_the_mask_on_the_image_s_grid(study, tmp_path):
    series = choose_series(study, {"T1": RULES["T1"]})["T1"]
    mask_files = choose_mask(study, RULES["mask"], series)
    write_volume(series, False, tmp_path / "T1.nii.gz")
    path = write_mask(mask_files, study, series, tmp_path / "T1.nii.gz", False, tmp_path / "mask.nii.gz", RULES["mask"])
    mask, image = read_image(path, is_mask=True), read_image(tmp_path / "T1.nii.gz")
    assert mask.voxels.shape == image.voxels.shape and np.allclose(mask.affine, image.affine)
    x, y = np.meshgrid(np.arange(SHAPE[0]), np.arange(SHAPE[1]), indexing="ij")
    expected = np.zeros(SHAPE, bool)
    for k, radius in ((2, 9), (3, 6)):
        expected[..., k] = ((x - 18) / radius) ** 2 + ((y - 15) / (0.6 * radius)) ** 2 <= 1
    places = np.argwhere(mask.voxels > 0)
    world = np.c_[places, np.ones(len(places))] @ mask.affine.T
    affine = np.diag([*SPACING, 1.0])
    affine[:3, 3] = (-12, 7, 30)
    found = np.zeros(SHAPE, bool)
    found[tuple(np.rint(world @ np.linalg.inv(affine).T)[:, :3].astype(int).T)] = True
    assert found.any((0, 1)).tolist() == [False, False, True, True, False, False]
    assert 2 * (found & expected).sum() / (found.sum() + expected.sum()) > 0.93  # polygons are drawn on whole pixels


@pytest.mark.parametrize(("rule", "count"), [(None, 2), ("(?i)ptv", 0), (".", 2)])
def test_which_structure_is_meant_must_be_clear(study, rule, count):
    rules = RULES if rule is None else parse_dicom_rules({"mask": {"ROIName": rule}}, "rules")
    with pytest.raises(
        InputError, match=rf"found {count} structures \(GTV, Brain\), expected one; choose it by a rule"
    ):
        choose_mask(study, None if rule is None else rules["mask"], [])


def test_a_structure_set_of_another_series_is_refused(study, tmp_path):
    other = write_dicom(tmp_path / "other", np.ones(SHAPE), np.eye(4), "T1", generate_uid()[:50].rstrip("."))
    write_volume(other, False, tmp_path / "T1.nii.gz")
    path = study.structures[0].path
    with pytest.raises(InputError, match=r"rs\.dcm: the structure 'GTV' cannot be drawn on the image"):
        write_mask([path], study, other, tmp_path / "T1.nii.gz", False, tmp_path / "mask.nii.gz", RULES["mask"])
