"""An archive of a segmenter as what the service runs for each study."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import nibabel as nib
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from pydicom.uid import generate_uid

from common.deploy.consumers.monai_label_segmentation import package_segmenter
from common.deploy.prediction import segmenter
from common.deploy.prediction.outcomes import ArchiveError
from common.deploy.prediction.segmenter import is_segmenter, open_segmenter
from common.deploy.service.study_prediction import open_predictor
from common.errors import InputError
from common.images.dicom_segmentation import read_segmentation
from common.images.volume import Volume
from tests.common.deploy.made_studies import write_dicom

pytest.importorskip("highdicom")


@pytest.fixture(scope="module")
def archive(tmp_path_factory) -> Path:
    """The hippocampus segmenter, packaged."""
    return package_segmenter("mlsscl_3d", tmp_path_factory.mktemp("segmenter"))


def test_an_archive_segments_a_real_study_once_and_again_when_its_images_changed(archive, shared_data, tmp_path):
    source = sorted((shared_data / "msd_hippocampus/images").glob("*.nii.gz"))[0]
    image, study = nib.load(source), generate_uid()[:50].rstrip(".")
    voxels = (image.get_fdata() / image.get_fdata().max() * 4000).astype(np.int16)
    files = write_dicom(tmp_path / "in", voxels, image.affine, "T1", study)
    with open_predictor(archive, tmp_path / "out", device="cpu") as (predict, model):
        folder = predict(tmp_path / "in")
        first = (folder / "segmentation.dcm").read_bytes()
        assert folder.name == study and folder.parents[1].name.startswith("Hippocampus_segmenter_0.2.0_")
        assert predict(tmp_path / "in") == folder and (folder / "segmentation.dcm").read_bytes() == first
        changed = pydicom.dcmread(files[0])
        changed.SeriesDescription = "T1 MPRAGE"
        changed.PixelData = bytes(len(changed.PixelData))
        changed.save_as(files[0])
        assert predict(tmp_path / "in") == folder and (folder / "segmentation.dcm").read_bytes() != first
        files[5].unlink()
        with pytest.raises(InputError, match="slice"):
            predict(tmp_path / "in")
        assert list(folder.iterdir()) == []  # nothing that could be sent
    (tmp_path / "first.dcm").write_bytes(first)
    found = read_segmentation(tmp_path / "first.dcm", Volume.of(sitk.ReadImage(str(source)))).values.T
    truth = nib.load(str(source).replace("images", "labels")).get_fdata()
    assert 2 * ((found > 0) & (truth > 0)).sum() / ((found > 0).sum() + (truth > 0).sum()) > 0.85
    assert model.name == "Hippocampus segmenter"


def test_a_segmenter_has_no_heat_map_and_one_that_was_changed_is_refused(archive, tmp_path):
    with pytest.raises(InputError, match="heat_map: found true for a segmenter"):
        open_predictor(archive, tmp_path, heat_map=True).__enter__()
    with zipfile.ZipFile(archive) as source, zipfile.ZipFile(tmp_path / "changed.zip", "w") as target:
        for name in source.namelist():
            content = source.read(name)
            target.writestr(name, content.replace(b"Hippocampus", b"hippocampus") if "metadata" in name else content)
    with pytest.raises(ArchiveError, match=r"configs/metadata\.json"):
        open_predictor(tmp_path / "changed.zip", tmp_path).__enter__()


@pytest.mark.parametrize("content", [b"no zip", b"{}", json.dumps({"network_data_format": 3}).encode()])
def test_what_is_no_archive_is_refused_with_its_exit_code(content, tmp_path):
    (tmp_path / "plain.zip").write_bytes(content)
    with zipfile.ZipFile(tmp_path / "zipped.zip", "w") as file:
        file.writestr("toy/configs/metadata.json", content)
    for name in ("plain.zip", "zipped.zip", "missing.zip"):
        with pytest.raises(ArchiveError) as error:
            open_predictor(tmp_path / name, tmp_path).__enter__()
        assert error.value.exit_code == 5


def test_metadata_that_is_damaged_or_too_large_is_refused_as_any_other_archive(tmp_path, monkeypatch):
    content = json.dumps({"network_data_format": {"outputs": {"pred": {"format": "segmentation"}}}}).encode()
    path = tmp_path / "toy.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("toy/configs/metadata.json", content)
    assert is_segmenter(path)
    monkeypatch.setattr(segmenter, "LARGEST", len(content) - 1)
    assert not is_segmenter(path)
    monkeypatch.undo()
    data = bytearray(path.read_bytes())
    start = data.index(b"metadata.json") + len("metadata.json")
    data[start : start + 8] = b"\xff" * 8  # no stream of zlib
    path.write_bytes(data)
    with pytest.raises(ArchiveError, match=r"manifest\.json: no such file"):
        open_predictor(path, tmp_path).__enter__()


def test_a_folder_without_manifest_is_not_served_since_nothing_of_it_is_checked(tmp_path):
    (tmp_path / "toy/configs").mkdir(parents=True)
    (tmp_path / "toy/configs/metadata.json").write_text("{}")
    with pytest.raises(ArchiveError, match=r"toy: found no manifest\.json, expected an archive"):
        open_predictor(tmp_path / "toy", tmp_path).__enter__()


def test_a_folder_that_is_no_bundle_is_one_line_with_the_exit_code_of_archives(tmp_path):
    with pytest.raises(
        ArchiveError, match=r": found a folder without manifest\.json, expected a zip of python scripts/package\.py"
    ):
        open_segmenter(tmp_path).__enter__()
