from __future__ import annotations

from datetime import datetime
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom import Dataset
from pydicom.uid import generate_uid

from common.images.deidentification import Deidentifier, burned_in_text
from tests.common.deploy.made_studies import write_dicom

pytest.importorskip("dicomanonymizer")
pytest.importorskip("deid")
SECRET = b"secret of the tests"
DATES = {"StudyDate": "20200102", "SeriesDate": "20200105", "AcquisitionDateTime": "20200105101500.5"}


@pytest.fixture
def files(tmp_path) -> list[Path]:
    """Two slices with names in many places."""
    study = generate_uid()[:50].rstrip(".")
    tags = {"PatientBirthDate": "19500607", "InstitutionName": "General Hospital", "AccessionNumber": "A4711", **DATES}
    tags |= {"OperatorsName": "Smith^John", "PatientComments": "Jane Doe", "StudyTime": "101500", "PatientSex": "F"}
    files = write_dicom(tmp_path / "series", np.ones((4, 4, 2)), np.eye(4), "T1 of Jane Doe", study, **tags)
    for path in files:
        data = pydicom.dcmread(path)
        inner, item = Dataset(), Dataset()
        inner.PatientName, inner.ReferencedSOPInstanceUID = "Doe^Jane", data.SOPInstanceUID
        item.AnatomicRegionModifierSequence = [inner]
        data.AnatomicRegionSequence = [item]  # not in the table: its content is what counts
        data.private_block(0x0009, "VENDOR", create=True).add_new(1, "LO", "Jane Doe")
        data.save_as(path)
    return files


def applied(path: Path, patient: str = "p1", secret: bytes = SECRET) -> pydicom.FileDataset:
    data = pydicom.dcmread(path)
    Deidentifier(secret).apply(data, patient)
    return data


def test_no_name_number_or_institution_is_left_at_any_depth(files, tmp_path):
    data = applied(files[0])
    data.save_as(tmp_path / "out.dcm")
    content = (tmp_path / "out.dcm").read_bytes().lower()
    for text in (b"doe", b"jane", b"smith", b"general hospital", b"a4711", b"vendor", b"19500607", b"20200102"):
        assert text not in content
    assert data.PatientBirthDate == "" and data.PatientIdentityRemoved == "YES"
    assert data.PatientName == data.PatientID == Deidentifier(SECRET).pseudonym("p1")
    assert np.array_equal(data.pixel_array, pydicom.dcmread(files[0]).pixel_array)


def test_file_meta_information_is_written_anew_and_overlays_go(files, tmp_path):
    data = pydicom.dcmread(files[0])
    data.file_meta.SourceApplicationEntityTitle = "GENERAL_CT1"
    data.add_new(0x60020022, "LO", "of Jane Doe")
    data.save_as(files[0], enforce_file_format=True)
    (tmp_path / "bare.dcm").write_bytes(files[0].read_bytes()[132:])  # without preamble
    for path in (files[0], tmp_path / "bare.dcm"):
        found = pydicom.dcmread(path, force=True)
        Deidentifier(SECRET).apply(found, "p1")
        found.save_as(tmp_path / "out.dcm", enforce_file_format=True)
        content = (tmp_path / "out.dcm").read_bytes().lower()
        assert b"general_ct1" not in content and b"jane" not in content
        written = pydicom.dcmread(tmp_path / "out.dcm")
        assert written.file_meta.TransferSyntaxUID == data.file_meta.TransferSyntaxUID
        assert np.array_equal(written.pixel_array, data.pixel_array)
        assert list(written.DeidentificationMethod)[1].startswith("Retain Longitudinal Temporal")


def test_uids_stay_consistent_within_and_between_files_and_are_valid(files):
    one, two = (applied(path) for path in files)
    assert one.SeriesInstanceUID == two.SeriesInstanceUID != pydicom.dcmread(files[0]).SeriesInstanceUID
    assert one.SOPInstanceUID != two.SOPInstanceUID and one.SOPInstanceUID.is_valid
    assert one.file_meta.MediaStorageSOPInstanceUID == one.SOPInstanceUID
    inner = one.AnatomicRegionSequence[0].AnatomicRegionModifierSequence[0]
    assert inner.ReferencedSOPInstanceUID == one.SOPInstanceUID
    assert one.SOPClassUID == pydicom.dcmread(files[0]).SOPClassUID


def test_dates_of_a_patient_keep_their_distance_and_are_others(files):
    data = applied(files[0])
    assert data.StudyTime == "101500" and data.AcquisitionDateTime.endswith("101500.5")
    moved = {name: datetime.strptime(str(data.get(name))[:8], "%Y%m%d") for name in DATES}
    shifts = {moved[name] - datetime.strptime(text[:8], "%Y%m%d") for name, text in DATES.items()}
    assert len(shifts) == 1 and -3650 <= shifts.pop().days < 0


def test_another_patient_or_another_secret_has_other_pseudonyms_and_a_repetition_the_same(files):
    known = [applied(files[0]), applied(files[0], "p2"), applied(files[0], secret=b"another"), applied(files[0])]
    assert len({data.PatientID for data in known}) == 3 and known[0] == known[3]
    assert len({data.StudyDate for data in known}) == 3


@pytest.mark.parametrize(
    ("tags", "reason"),
    [
        ({}, ""),
        ({"BurnedInAnnotation": "YES"}, "BurnedInAnnotation is YES"),
        ({"Modality": "US"}, "modality US without BurnedInAnnotation NO"),
        ({"Modality": "US", "BurnedInAnnotation": "NO"}, ""),
        ({"Manufacturer": "", "ImageType": ["DERIVED", "SECONDARY"]}, "rule of deid: "),
    ],
)
def test_images_that_may_show_text_are_flagged_with_the_reason(tags, reason, tmp_path):
    study = generate_uid()
    tags = {"Manufacturer": "Vendor", "ImageType": ["ORIGINAL", "PRIMARY"]} | tags
    (path,) = write_dicom(tmp_path, np.ones((4, 4, 1)), np.eye(4), "T1", study, **tags)
    found = burned_in_text(path)
    assert found == reason or (reason and found.startswith(reason))
