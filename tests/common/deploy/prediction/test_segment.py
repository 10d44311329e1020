from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from types import SimpleNamespace

import nibabel as nib
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from pydicom.uid import generate_uid

from common.command_line import run_commands
from common.deploy.prediction.outcomes import ArchiveError, FailedStudiesError, NoStudiesError
from common.deploy.prediction.prediction import ModelIdentity
from common.deploy.prediction.results import model_name
from common.deploy.prediction.segment import segment_studies
from common.deploy.prediction.segmentation_object import segmentation_object
from common.errors import InputError
from common.images.dicom_segmentation import read_segmentation
from common.images.volume import Volume
from scripts import segment
from tests.common.deploy.made_studies import write_dicom

hd = pytest.importorskip("highdicom")
MODEL = ModelIdentity("Segmenter", "1.0.0", "0" * 64)
AFFINE = np.array([[0, 1.2, 0, -7], [-0.9, 0, 0, 5], [0, 0, 2.5, 11], [0, 0, 0, 1.0]])


def check_by_dciodvfy(path: Path) -> None:
    if shutil.which("dciodvfy"):
        found = subprocess.run(["dciodvfy", path], capture_output=True, text=True, timeout=60).stderr
        assert not [line for line in found.splitlines() if line.startswith(("Error", "Abort"))]


@pytest.mark.parametrize("empty", [False, True])
def test_a_label_map_is_read_again_on_the_image_s_grid_with_its_names(tmp_path, empty):
    labels = np.zeros((6, 7, 5), np.uint8)
    if not empty:
        labels[1:3, 2:5, 1:4], labels[4, 5:, 3] = 1, 4
    study = generate_uid()[:50].rstrip(".")
    tags = {"Manufacturer": "V", "StudyTime": "101010", "StudyID": "1"}
    files = write_dicom(tmp_path / "in", labels + 1, AFFINE, "T1", study, **tags)
    headers = [pydicom.dcmread(path, stop_before_pixels=True) for path in reversed(files)]
    result = segmentation_object(labels, AFFINE, {1: "anterior", 4: "lesion"}, headers, MODEL)
    result.save_as(tmp_path / "seg.dcm", enforce_file_format=True)
    check_by_dciodvfy(tmp_path / "seg.dcm")
    read = hd.seg.segread(tmp_path / "seg.dcm")
    assert [item.segment_label for item in read.SegmentSequence] == ["anterior", "lesion"]
    assert read.StudyInstanceUID == study and read.PatientName == "Doe^Jane"
    image = sitk.GetImageFromArray(labels.T.astype(np.int16))
    to_lps = np.diag([-1, -1, 1, 1]) @ AFFINE
    spacing = np.linalg.norm(to_lps[:3, :3], axis=0)
    image.SetSpacing(spacing.tolist())
    image.SetOrigin(to_lps[:3, 3].tolist())
    image.SetDirection((to_lps[:3, :3] / spacing).ravel().tolist())
    found = read_segmentation(tmp_path / "seg.dcm", Volume.of(image)).values.T
    assert np.array_equal(found, np.select([labels == 1, labels == 4], [1, 2]))


@pytest.mark.slow
def test_a_real_hippocampus_leaves_as_dicom_segmentation_that_agrees_with_its_reader(shared_data, tmp_path):
    source = sorted((shared_data / "msd_hippocampus/images").glob("*.nii.gz"))[0]
    image = nib.load(source)
    volume = image.get_fdata()
    study = generate_uid()[:50].rstrip(".")
    write_dicom(tmp_path / "in/good", (volume / volume.max() * 4000).astype(np.int16), image.affine, "T1", study)
    write_dicom(tmp_path / "in/bad", np.ones((9, 9, 2)), np.eye(4), "FLAIR", generate_uid()[:50].rstrip("."))
    with pytest.raises(FailedStudiesError, match="no series matches T1"):
        run_commands(
            segment.segment, ["mlsscl_3d", str(tmp_path / "in"), "--output", str(tmp_path / "out"), "--device", "cpu"]
        )
    (path,) = (tmp_path / "out").rglob("segmentation.dcm")
    assert path.parent.name == study
    found = read_segmentation(path, Volume.of(sitk.ReadImage(str(source)))).values.T
    truth = nib.load(str(source).replace("images", "labels")).get_fdata()
    for label in (1, 2):
        assert (
            2 * ((found == label) & (truth == label)).sum() / ((found == label).sum() + (truth == label).sum()) > 0.85
        )
    volumes = json.loads((path.parent / "result.json").read_text())["millilitres"]
    assert volumes == {"anterior": pytest.approx((found == 1).sum() / 1000), "posterior": (found == 2).sum() / 1000}


def test_a_bundle_without_segmenter_and_an_empty_folder_have_exit_codes_of_their_own(tmp_path):
    with pytest.raises(ArchiveError, match=r"found no models/segmenter\.ts"):
        run_commands(segment.segment, ["liver_cgc", str(tmp_path), "--output", str(tmp_path / "out")])
    (tmp_path / "in").mkdir()
    with pytest.raises(NoStudiesError, match="found no DICOM images"):
        run_commands(
            segment.segment, ["mlsscl_3d", str(tmp_path / "in"), "--output", str(tmp_path / "out"), "--device", "cpu"]
        )


def test_a_missing_folder_is_an_error_and_no_empty_inbox(tmp_path):
    with pytest.raises(
        InputError, match=r"nowhere: found no such folder, expected DICOM studies; correct the path"
    ) as error:
        segment_studies(SimpleNamespace(rules={}), tmp_path / "nowhere", tmp_path / "out")
    assert error.value.exit_code == 1


def test_a_study_that_fails_has_no_results_of_an_earlier_run(tmp_path):
    study = generate_uid()[:50].rstrip(".")
    write_dicom(tmp_path / "in", np.ones((4, 4, 2)), np.eye(4), "T1", study)
    folder = tmp_path / "out" / model_name(MODEL) / "studies" / study
    folder.mkdir(parents=True)
    for name in ("result.json", "segmentation.dcm"):
        (folder / name).write_text("of an earlier run")
    segmenter = SimpleNamespace(model=MODEL, rules={}, input=None, digest="")  # fails at the first use
    written, failed = segment_studies(segmenter, tmp_path / "in", tmp_path / "out")
    assert written == [] and list(failed) == [study] and list(folder.iterdir()) == []
