"""Frames of films, such as multi-frame ultrasound, by the frame of a rule."""

from __future__ import annotations

import numpy as np
import pydicom
import pytest
from PIL import Image
from pydicom.uid import generate_uid

from common.data.cohorts import dicom_datalist
from common.data.datalist import load_datalist
from common.errors import InputError
from common.images.dicom_rules import parse_dicom_rules
from common.images.read import read_image
from common.images.stored_image import UnreadableImageError
from tests.common.deploy.made_studies import write_dicom, write_film

FRAMES = np.random.default_rng(0).integers(0, 256, (7, 6, 9)).astype(np.uint8)
CHOSEN = {"first": 0, "middle": 3, 1: 0, 2: 1, 7: 6}


@pytest.mark.parametrize("compressed", [False, True])
@pytest.mark.parametrize("frame", CHOSEN)
def test_a_frame_is_the_picture_that_pydicom_decodes(frame, compressed, tmp_path):
    path = write_film(tmp_path / "cine.dcm", FRAMES, generate_uid(), compressed)
    image = read_image([path], frame=frame)
    assert image.affine is None and image.voxels.dtype == np.uint8
    np.testing.assert_array_equal(image.voxels.T, pydicom.dcmread(path).pixel_array[CHOSEN[frame]])


@pytest.mark.parametrize(("count", "middle"), [(1, 0), (2, 0), (3, 1), (4, 1), (5, 2)])
def test_the_middle_of_an_even_number_is_the_earlier_frame(count, middle, tmp_path):
    path = write_film(tmp_path / "cine.dcm", FRAMES[:count], generate_uid())
    np.testing.assert_array_equal(read_image([path], frame="middle").voxels.T, FRAMES[middle])


@pytest.mark.parametrize("name", ["emri_small.dcm", "emri_small_RLE.dcm", "emri_small_big_endian.dcm"])
def test_a_frame_of_a_real_film_is_the_picture_that_pydicom_decodes(name, shared_data):
    path = next((shared_data / "awkward").rglob(name))
    stored = pydicom.dcmread(path).pixel_array
    np.testing.assert_array_equal(read_image([path], frame=7).voxels.T, stored[6])


@pytest.mark.parametrize(
    ("frame", "message"),
    [
        (
            None,
            "found 7 frames without a position in the patient, as in a video, expected a volume; choose one in the ",
        ),
        (8, "found 7 frames, expected one with the number 8; correct the rule"),
    ],
)
def test_a_film_without_a_chosen_frame_or_without_that_frame_is_refused(frame, message, tmp_path):
    path = write_film(tmp_path / "cine.dcm", FRAMES, generate_uid())
    with pytest.raises(UnreadableImageError, match=message):
        read_image([path], frame=frame)


@pytest.mark.parametrize("frame", [0, -1, True, "last", 1.5, None])
def test_a_rule_takes_no_other_frame(frame):
    message = "US frame: found .*, expected first, middle or a number from 1; correct it"
    with pytest.raises(InputError, match=message):
        parse_dicom_rules({"US": {"Modality": "US", "frame": frame}}, "rules")


@pytest.fixture
def cohort(tmp_path):
    """Two patients with a film and a mask of its frames, and an MR series that no rule takes."""
    for name in ("a", "b"):
        study = generate_uid()
        write_film(tmp_path / f"in/{name}/us/cine.dcm", FRAMES, study)
        write_dicom(tmp_path / f"in/{name}/mr", np.ones((4, 5, 3)), np.eye(4), "T1", study)
        Image.fromarray((FRAMES[2] > 99).astype(np.uint8)).save(tmp_path / f"{name}.png")
    (tmp_path / "labels.csv").write_text("subject,label,mask,fold\na,x,a.png,0\nb,y,b.png,1\n")
    (tmp_path / "rules.yaml").write_text("US: {Modality: US, frame: 3}\n")
    return tmp_path


def datalist(cohort, **options):
    options = {"labels": cohort / "labels.csv"} | options
    return dicom_datalist(cohort / "in", cohort / "out/datalist.json", cohort / "rules.yaml", **options)


def test_a_datalist_refers_to_the_chosen_frames_as_pictures(cohort):
    rows = load_datalist(datalist(cohort, convert=True), spatial_dims=2)
    assert [row["subject"] for row in rows] == ["a", "b"]
    for row in rows:
        image = read_image(row["image"])
        assert image.spatial_dims == 2
        np.testing.assert_array_equal(image.voxels.T, FRAMES[2])


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ("US: {Modality: US, frame: 3}", "US: a chosen frame has no file of its own; set convert (--convert)"),
        (
            "US: {Modality: US}",
            "as in a video, expected a volume; choose one in the rules of the DICOM series, such as",
        ),
    ],
)
def test_each_patient_whose_frame_is_not_written_or_not_chosen_is_reported(rule, message, cohort):
    (cohort / "rules.yaml").write_text(f"{rule}\n")
    with pytest.raises(InputError) as refused:
        datalist(cohort)
    lines = [line for line in str(refused.value).splitlines() if message in line]
    assert [line.split(":")[0].strip() for line in lines] == ["patient a", "patient b"]
