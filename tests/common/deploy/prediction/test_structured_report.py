from __future__ import annotations

import io
import shutil
import subprocess
import sys

import numpy as np
import pydicom
import pytest
from pydicom.uid import generate_uid

from common.deploy.prediction.codes import SCHEME
from common.deploy.prediction.prediction import ModelIdentity, Prediction
from common.deploy.prediction.structured_report import check_highdicom, structured_report
from common.errors import InputError
from tests.common.deploy.made_studies import write_dicom, write_picture

hd = pytest.importorskip("highdicom")
MODEL = ModelIdentity("Öl & Toy", "0.1.0", "ab" * 32)


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """Headers of two series of one study, as files have them: without much that DICOM allows to be empty."""
    folder, study = tmp_path_factory.mktemp("study"), generate_uid()
    volume = np.arange(5 * 6 * 3).reshape(5, 6, 3)
    files = [path for name in ("T1", "T2") for path in write_dicom(folder / name, volume, np.eye(4), name, study)]
    return [pydicom.dcmread(path, stop_before_pixels=True) for path in files]


@pytest.fixture(scope="module")
def mask(images, tmp_path_factory):
    path = tmp_path_factory.mktemp("mask") / "mask.dcm"
    pixels = np.zeros((6, 5), np.uint8)
    return pydicom.dcmread(write_picture(path, pixels, "mask", images[0].StudyInstanceUID, "OT"))


@pytest.fixture
def written(images, mask, tmp_path):
    """Writes the report of a prediction and gives its file."""

    def written(prediction: Prediction):
        path = tmp_path / "report.dcm"
        structured_report(prediction, images, [mask]).save_as(path, enforce_file_format=True)
        return path

    return written


def called(**probabilities: float) -> Prediction:
    return Prediction(probabilities, False, MODEL)


def test_highdicom_reads_back_the_call_the_probabilities_and_the_model(written, images):
    report = hd.sr.srread(written(called(benign=0.2, malignant=0.8)))
    assert isinstance(report, hd.sr.ComprehensiveSR)
    (group,) = report.content.get_image_measurement_groups()
    assert group.finding_type == pydicom.sr.codedict.codes.SCT.Malignant
    found = {}
    for measurement in group.get_measurements():
        assert measurement.name == pydicom.sr.codedict.codes.DCM.Probability
        (which,) = measurement[0].ContentSequence
        assert which.RelationshipType == "HAS CONCEPT MOD"
        found[which.value.meaning] = measurement.value
    assert found == {"Benign": 0.2, "Malignant": 0.8}
    (use,) = [e for e in group.get_qualitative_evaluations() if e.name.scheme_designator == SCHEME]
    assert (use.name.meaning, use.value.meaning) == ("Intended use", "Research only, not for clinical use")
    texts = {item.name.meaning: item.value for item in group[0].ContentSequence if item.ValueType == "TEXT"}
    assert texts["Algorithm Name"] == MODEL.name and texts["Algorithm Version"] == MODEL.version
    assert texts["Algorithm Parameters"] == f"SHA-256 of the weights: {MODEL.sha256}"
    sources = [source.referenced_sop_instance_uid for source in group.source_images]
    assert sources == [header.SOPInstanceUID for header in images]


def test_pydicom_reads_patient_study_and_flags(written, images, mask):
    report = pydicom.dcmread(written(called(benign=0.2, malignant=0.8)))
    assert report.StudyInstanceUID == images[0].StudyInstanceUID and report.PatientID == "7"
    assert report.PatientName == "Doe^Jane" and report.StudyDate == "20200102" and report.PatientSex in ("", None)
    assert report.SeriesInstanceUID not in {header.SeriesInstanceUID for header in images}
    assert (report.VerificationFlag, report.PreliminaryFlag) == ("UNVERIFIED", "PRELIMINARY")
    assert report.SeriesDescription.startswith("RESEARCH ONLY") and report.ManufacturerModelName == MODEL.name
    assert report.DeviceSerialNumber == MODEL.sha256
    (study,) = report.CurrentRequestedProcedureEvidenceSequence
    listed = {item.ReferencedSOPInstanceUID for s in study.ReferencedSeriesSequence for item in s.ReferencedSOPSequence}
    assert listed == {header.SOPInstanceUID for header in [*images, mask]}


def test_where_the_model_abstains_the_finding_is_no_call_and_the_probabilities_stay(written):
    report = hd.sr.srread(written(Prediction({"benign": 0.45, "malignant": 0.55}, True, MODEL)))
    (group,) = report.content.get_image_measurement_groups()
    assert (group.finding_type.value, group.finding_type.scheme_designator) == ("NO-CALL", SCHEME)
    assert [measurement.value for measurement in group.get_measurements()] == [0.45, 0.55]


def test_the_same_weights_are_the_same_device_in_every_report_and_each_report_is_an_instance_of_its_own(images):
    one, two = (structured_report(called(a=0.5, b=0.5), images) for _ in range(2))
    devices = [
        next(item.UID for item in report.ContentSequence if item.get("ValueType") == "UIDREF") for report in (one, two)
    ]
    assert devices[0] == devices[1] and one.SOPInstanceUID != two.SOPInstanceUID


@pytest.mark.parametrize("sex", ["female", "M"])
def test_a_header_that_bends_the_standard_still_gets_a_report(images, sex):
    images = [pydicom.dcmread(io.BytesIO(_bytes(header))) for header in images]
    images[0].PatientSex = sex
    images[0].PatientName = "Müller"
    images[0].SpecificCharacterSet = "ISO_IR 100"
    report = structured_report(called(a=0.5, b=0.5), images)
    assert report.PatientSex == (sex if sex == "M" else "")
    assert pydicom.dcmread(io.BytesIO(_bytes(report))).PatientName == "Müller"


@pytest.mark.skipif(shutil.which("dciodvfy") is None, reason="dciodvfy is not here: apt-get install dicom3tools")
@pytest.mark.parametrize("abstains", [False, True])
def test_dciodvfy_finds_no_error(written, abstains):
    path = written(Prediction({"stage 1": 0.45, "a class with quite a long name": 0.55}, abstains, MODEL))
    result = subprocess.run(["dciodvfy", str(path)], capture_output=True, text=True, timeout=60)
    assert "ComprehensiveSR" in result.stderr  # it knew what to compare with
    assert not [line for line in result.stderr.splitlines() if line.startswith(("Error", "Abort"))]


def test_without_highdicom_one_is_reported_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "highdicom", None)
    with pytest.raises(InputError, match=r"need highdicom; run: pip install"):
        check_highdicom()


def _bytes(dataset: pydicom.Dataset) -> bytes:
    content = io.BytesIO()
    dataset.save_as(content, enforce_file_format=True)
    return content.getvalue()
