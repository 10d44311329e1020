from __future__ import annotations

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk

from common.errors import InputError
from common.images.read_volume import read_mask, read_volume
from common.radiomics import extract_features


def test_a_grey_picture_saved_in_colour_is_read_and_a_coloured_one_refused(tmp_path):
    grey = np.random.default_rng(0).integers(0, 255, (9, 8), dtype=np.uint8)
    sitk.WriteImage(sitk.GetImageFromArray(np.stack([grey] * 3, -1), isVector=True), tmp_path / "grey.png")
    assert (read_volume(tmp_path / "grey.png").values == grey).all()
    coloured = np.stack([grey, grey, grey // 2], -1)
    sitk.WriteImage(sitk.GetImageFromArray(coloured, isVector=True), tmp_path / "coloured.png")
    with pytest.raises(InputError, match=r"coloured.png: found an image in colour, expected one grey value per pixel"):
        read_volume(tmp_path / "coloured.png")


@pytest.mark.parametrize("name", ["image.nii", "image.nii.gz"])
def test_a_whole_nifti_is_unpacked_once_and_a_truncated_one_refused(tmp_path, name, monkeypatch):
    path = tmp_path / name
    array = np.random.default_rng(0).normal(size=(7, 8, 9)).astype(np.float32)
    nibabel.save(nibabel.Nifti1Image(array, np.eye(4)), path)
    path.write_bytes(whole := path.read_bytes())
    with monkeypatch.context() as patch:
        patch.setattr(nibabel.arrayproxy.ArrayProxy, "__array__", lambda *_, **__: pytest.fail("unpacked twice"))
        assert read_volume(path).values.T.tolist() == array.tolist()
    path.write_bytes(whole[: len(whole) * 2 // 3])
    with pytest.raises(InputError, match=rf"{name}: found a truncated file, expected a complete one; replace"):
        read_volume(path)


def test_a_dicom_series_and_its_segmentation_give_the_label_map_of_the_nrrd(shared_data):
    pytest.importorskip("highdicom")
    folder = shared_data / "awkward" / "dcmqi_ct_seg"
    image = read_volume(folder / "ct-3slice")
    assert image.size == (512, 512, 3) and image.values.min() < -900
    expected = sitk.GetArrayFromImage(sitk.ReadImage(folder / "liver_seg.nrrd"))
    assert (read_mask(folder / "liver.dcm", image).values == expected).all()
    for segment in (1, 2, 3):  # they overlap
        mask = read_mask(folder / "partial_overlaps.dcm", image, segment).values == segment
        truth = {1: "partial_overlaps-1", 2: "partial_overlaps-2", 3: "partial_overlaps-3"}[segment]
        assert (mask == (sitk.GetArrayFromImage(sitk.ReadImage(folder / f"{truth}.nrrd")) == segment)).all()


def test_features_of_dicom_are_those_of_the_same_voxels(shared_data):
    pytest.importorskip("radiomics")
    pytest.importorskip("highdicom")
    folder = shared_data / "awkward" / "dcmqi_ct_seg"
    settings = {"featureClass": {"firstorder": None, "glszm": None}}
    found = extract_features(folder / "ct-3slice", folder / "liver.dcm", settings)
    assert found == extract_features(read_volume(folder / "ct-3slice"), folder / "liver_seg.nrrd", settings)


def test_a_segmentation_of_another_series_and_a_folder_that_is_no_series_are_refused(shared_data, tmp_path):
    pytest.importorskip("highdicom")
    folder = shared_data / "awkward" / "dcmqi_ct_seg"
    image = read_volume(folder / "ct-3slice")
    with pytest.raises(InputError, match=r"label.seg: cannot be resampled onto the image's grid .*expected the series"):
        read_mask(folder / "23x38x3" / "seg" / "label.seg", image)
    with pytest.raises(InputError, match=r"found a folder without DICOM images"):
        read_volume(tmp_path)
