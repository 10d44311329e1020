from __future__ import annotations

import shutil
import subprocess

import numpy as np
import pydicom
import pytest
from pydicom.uid import generate_uid

from common.deploy.prediction.prediction import ModelIdentity
from common.deploy.prediction.secondary_capture import secondary_capture
from tests.common.deploy.made_studies import write_dicom

pytest.importorskip("highdicom")
MODEL = ModelIdentity("toy", "0.1.0", "ab" * 32)
PICTURE = np.random.default_rng(0).integers(0, 256, (20, 30, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def headers(tmp_path_factory):
    """Of a series of three slices."""
    folder = tmp_path_factory.mktemp("study")
    files = write_dicom(folder, np.arange(60).reshape(5, 4, 3), np.eye(4), "T1", generate_uid())
    return [pydicom.dcmread(path, stop_before_pixels=True) for path in files]


@pytest.fixture
def path(headers, tmp_path):
    """The picture as DICOM file."""
    path = tmp_path / "heat_map.dcm"
    secondary_capture(PICTURE, headers, MODEL, "how it was made").save_as(path, enforce_file_format=True)
    return path


def test_the_picture_comes_back_as_it_was_beside_its_images(path, headers):
    capture = pydicom.dcmread(path)
    np.testing.assert_array_equal(capture.pixel_array, PICTURE)
    assert capture.StudyInstanceUID == headers[0].StudyInstanceUID and capture.PatientID == headers[0].PatientID
    assert capture.SeriesInstanceUID != headers[0].SeriesInstanceUID
    assert capture.SeriesDescription.startswith("RESEARCH ONLY") and capture.DeviceSerialNumber == MODEL.sha256
    sources = [item.ReferencedSOPInstanceUID for item in capture.SourceImageSequence]
    assert sources == [header.SOPInstanceUID for header in headers]
    assert capture.BurnedInAnnotation == "NO" and capture.DerivationDescription == "how it was made"


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dciodvfy is not here: apt-get install dicom3tools")
def test_dciodvfy_finds_no_error(path):
    result = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, timeout=60)
    assert "SCImage" in result.stderr
    assert not [line for line in result.stderr.splitlines() if line.startswith(("Error", "Abort"))]
