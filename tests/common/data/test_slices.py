from __future__ import annotations

import json

import nibabel as nib
import numpy as np
import pytest
from monai.transforms import Compose, LoadImaged, Orientationd

from common.data import load_datalist, slice_datalist
from common.data.cohorts import lgg_datalist
from common.data.phantoms import LiverPhantoms
from common.errors import InputError
from common.transforms import LoadModalitiesd, SelectSliced

KEYS = ["image", "mask"]
STOCK = Compose([LoadImaged(KEYS, ensure_channel_first=True), Orientationd(KEYS, axcodes="RAS", labels=None)])


@pytest.fixture(scope="module")
def volumes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("volumes")
    settings = {"num_subjects": 6, "sizes": (40, 56), "num_slices": 10, "num_folds": 2}
    return LiverPhantoms(**settings, spatial_dims=3).make(folder / "liver")


@pytest.mark.parametrize("mask_label", [None, 2])
def test_monais_loader_makes_of_the_slices_what_our_transforms_make_of_the_volumes(volumes, tmp_path, mask_label):
    path = slice_datalist(volumes, tmp_path / "slices", mask_label=mask_label)
    for row, new in zip(load_datalist(volumes, check="none"), load_datalist(path, spatial_dims=2), strict=True):
        volume = STOCK(row)
        region = volume["mask"] > 0 if mask_label is None else volume["mask"] == mask_label
        expected = SelectSliced(KEYS, mask_key="region")(volume | {"region": region})
        found = STOCK(new)
        for key in KEYS:
            assert found[key].shape[1:] == expected[key].shape[1:]
            np.testing.assert_array_equal(found[key].numpy(), expected[key].numpy())
            np.testing.assert_allclose(found[key].affine, expected[key].affine, atol=1e-4)
        assert new["slice"] == expected["slice"]
        assert {key: new[key] for key in ("label", "fold", "subject")} == {
            key: row[key] for key in ("label", "fold", "subject")
        }


def test_the_datalist_keeps_its_names_and_moves_with_its_folder(volumes, tmp_path):
    path = slice_datalist(volumes, tmp_path / "slices")
    old, new = json.loads(volumes.read_text()), json.loads(path.read_text())
    assert {key: old[key] for key in ("name", "labels", "modality")} == {
        key: new[key] for key in ("name", "labels", "modality")
    }
    assert new["training"][0]["image"] == [f"LIVER-001/{name}.nii.gz" for name in ("t1", "t2", "out")]
    path.parent.rename(tmp_path / "moved")
    assert len(load_datalist(tmp_path / "moved" / "datalist.json", spatial_dims=2)) == 6


def test_masking_keeps_the_organ_alone(volumes, tmp_path):
    plain = load_datalist(slice_datalist(volumes, tmp_path / "a"), check="none")
    masked = load_datalist(slice_datalist(volumes, tmp_path / "b", apply_mask=True), check="none")
    healthy = load_datalist(slice_datalist(volumes, tmp_path / "c", apply_mask=True, organ_label=1), check="none")
    for rows in zip(plain, masked, healthy, strict=True):
        image, organ, part = (STOCK(row)["image"].numpy() for row in rows)
        mask = STOCK(rows[0])["mask"].numpy()
        np.testing.assert_array_equal(organ, np.where(mask > 0, image, 0))
        np.testing.assert_array_equal(part, np.where(mask == 1, image, 0))


@pytest.mark.parametrize("axis", [0, 1])
def test_sagittal_and_coronal_slices_load_with_their_spacing(volumes, tmp_path, axis):
    path = slice_datalist(volumes, tmp_path / "slices", axis=axis, index=20)
    row, old = load_datalist(path, spatial_dims=2)[0], STOCK(load_datalist(volumes, check="none")[0])
    found = STOCK(row)
    np.testing.assert_array_equal(found["image"].numpy(), old["image"].select(1 + axis, 20).numpy())
    np.testing.assert_allclose(found["image"].pixdim, np.delete(old["image"].pixdim.numpy(), axis), rtol=1e-4)
    assert row["slice"] == 20


def test_missing_modalities_stay_null(volumes, tmp_path):
    content = json.loads(volumes.read_text())
    content["training"][2]["image"][1] = None
    changed = volumes.with_name("gap.json")
    changed.write_text(json.dumps(content))
    with pytest.raises(InputError, match="found no file of modality T2"):
        slice_datalist(changed, tmp_path / "slices")
    rows = load_datalist(slice_datalist(changed, tmp_path / "slices", missing="zeros"), spatial_dims=2, missing="zeros")
    assert rows[2]["image"][1] is None and LoadModalitiesd("image")(rows[2])["missing"].tolist() == [False, True, False]


def test_both_sections_are_done_and_a_subjects_second_image_has_a_folder_of_its_own(volumes, tmp_path):
    content = json.loads(volumes.read_text())
    content["testing"] = [content["training"].pop(), content["training"].pop()]
    for row in content["testing"]:
        del row["fold"]
        row["subject"] = "LIVER-006"
    changed = volumes.with_name("sections.json")
    changed.write_text(json.dumps(content))
    new = json.loads(slice_datalist(changed, tmp_path / "slices").read_text())
    assert len(new["training"]) == 4
    assert [row["image"][0].split("/")[0] for row in new["testing"]] == ["LIVER-006", "LIVER-006-2"]


def test_a_cohort_of_slices_is_only_turned(tmp_path):
    folder = tmp_path / "liver"
    path = LiverPhantoms(num_subjects=6, sizes=(40, 56), num_folds=2).make(folder)
    rows = load_datalist(slice_datalist(path, tmp_path / "slices"), spatial_dims=2)
    assert "slice" not in rows[0] and nib.aff2axcodes(nib.load(rows[0]["image"][0]).affine) == ("R", "A", "S")
    for old, new in zip(load_datalist(path, check="none"), rows, strict=True):
        np.testing.assert_array_equal(STOCK(new)["image"].numpy(), STOCK(old)["image"].numpy())


def test_all_rows_that_cannot_be_done_are_reported_at_once(volumes, tmp_path):
    content = json.loads(volumes.read_text())
    for row, index in zip(content["training"], (10, 0, -1, 9, 3, 3), strict=True):
        row["slice"] = index
    del content["training"][4]["mask"], content["training"][4]["slice"]
    changed = volumes.with_name("bad.json")
    changed.write_text(json.dumps(content))
    with pytest.raises(InputError) as error:
        slice_datalist(changed, tmp_path / "slices")
    first, *lines = str(error.value).splitlines()
    assert first == f"{changed}: 3 problems"
    assert "training[0] image of subject LIVER-001 (" in lines[0] and "slice index 10, expected 0..9" in lines[0]
    assert "training[2]" in lines[1] and "slice index -1" in lines[1]
    assert "training[4]" in lines[2] and "nothing that names one" in lines[2]
    assert not (tmp_path / "slices" / "datalist.json").exists()


def test_the_volumes_datalist_is_not_overwritten(volumes):
    with pytest.raises(InputError, match="expected another folder"):
        slice_datalist(volumes, volumes.parent)


def test_the_patients_of_lgg_96_become_slices_with_most_tumour(shared_data, tmp_path):
    datalist = lgg_datalist(shared_data / "lgg_96", tmp_path / "lgg.json", incomplete="drop")
    content = json.loads(datalist.read_text())
    content["training"] = content["training"][:5]
    datalist.write_text(json.dumps(content))
    old = load_datalist(datalist, check="none")
    new = load_datalist(slice_datalist(datalist, tmp_path / "slices"), spatial_dims=2, num_images=3)
    for before, after in zip(old, new, strict=True):
        mask = nib.load(before["mask"]).get_fdata()
        assert nib.load(after["mask"]).get_fdata().sum() == (mask > 0).sum((0, 1)).max() * mask.max()
        assert nib.load(after["image"][0]).shape == (96, 96)
