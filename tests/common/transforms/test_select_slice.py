from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from monai.transforms import Compose, LabelToMaskd, LoadImaged, Orientationd, Spacingd

from common.errors import InputError
from common.transforms import SelectSliced
from common.transforms.select_slice import largest_slice

KEYS = ["image", "mask"]
AFFINE = torch.tensor([[0, -1.5, 0, 5], [2.0, 0, 0.3, -7], [0, 0.1, 6, 1], [0, 0, 0, 1]], dtype=torch.float64)


def naive_largest(mask: np.ndarray, axis: int) -> int:
    """The first slice whose area no other exceeds."""
    best, best_area = -1, 0
    for index in range(mask.shape[1 + axis]):
        area = 0
        for value in np.take(mask, index, axis=1 + axis).ravel():
            area += value > 0
        if area > best_area:
            best, best_area = index, area
    return best


@pytest.fixture
def row():
    generator = torch.Generator().manual_seed(1)
    mask = MetaTensor((torch.rand(1, 7, 6, 9, generator=generator) < 0.3).float(), affine=AFFINE)
    image = MetaTensor(
        torch.rand(3, 7, 6, 9, generator=generator), affine=AFFINE, meta={"filename_or_obj": "t1.nii.gz"}
    )
    return {"image": image, "mask": mask, "subject": "p1"}


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_the_slice_has_the_largest_area_that_a_loop_finds(row, axis):
    result = SelectSliced(KEYS, axis=axis)(row)
    index = naive_largest(row["mask"].numpy(), axis)
    assert result["slice"] == index
    for key in KEYS:
        assert torch.equal(result[key], row[key].select(1 + axis, index))


def test_of_equal_areas_the_first_is_taken():
    mask = torch.zeros(1, 4, 4, 8)
    mask[0, 1, :2, [2, 5, 7]] = 3
    assert largest_slice(mask, 2) == naive_largest(mask.numpy(), 2) == 2


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_pixels_keep_their_place_in_the_patient(row, axis):
    result = SelectSliced(KEYS, axis=axis)(row)["image"]
    index = naive_largest(row["mask"].numpy(), axis)
    assert result.affine.shape == (4, 4)
    for pixel in ((0, 0), (2, 3), (5, 1)):
        voxel = [*pixel]
        voxel.insert(axis, index)
        expected = AFFINE @ torch.tensor([*voxel, 1.0], dtype=torch.float64)
        torch.testing.assert_close(result.affine @ torch.tensor([*pixel, 0.0, 1.0], dtype=torch.float64), expected)
    spacing = np.delete(row["image"].pixdim.numpy(), axis)
    np.testing.assert_allclose(np.linalg.norm(result.affine.numpy()[:3, :2], axis=0), spacing)
    assert tuple(result.meta["spatial_shape"]) == result.shape[1:]


def test_the_volumes_own_geometry_stays(row):
    SelectSliced(KEYS)(row)
    torch.testing.assert_close(row["image"].affine, AFFINE)


def test_a_named_index_goes_before_the_mask_and_the_configs_before_the_rows(row):
    assert SelectSliced(KEYS)(row | {"slice": 0})["slice"] == 0
    assert SelectSliced(KEYS, index=8)(row | {"slice": 0})["slice"] == 8
    assert SelectSliced("image", index_key="level")(row | {"level": 3})["level"] == 3
    without = {"image": row["image"], "slice": 4}
    assert torch.equal(SelectSliced(KEYS, allow_missing_keys=True)(without)["image"], row["image"][..., 4])


def test_slices_pass_as_they_are():
    row = {"image": torch.rand(3, 7, 6), "mask": torch.zeros(1, 7, 6)}
    result = SelectSliced(KEYS)(row)
    assert result["image"] is row["image"] and result["mask"] is row["mask"] and "slice" not in result


def test_a_volume_of_one_slice_needs_neither_mask_nor_index():
    image = torch.rand(2, 5, 4, 1)
    assert torch.equal(SelectSliced("image")({"image": image})["image"], image[..., 0])


def test_the_slice_does_not_hold_the_volumes_memory(row):
    assert SelectSliced(KEYS)(row)["image"].untyped_storage().nbytes() == 3 * 7 * 6 * 4


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"slice": 9}, r"found slice index 9, expected 0\.\.8 along axis 2 of shape \(7, 6, 9\); correct 'slice'"),
        ({"slice": -1}, r"found slice index -1, expected 0\.\.8"),
        ({"slice": "4"}, r"found slice index '4', expected 0\.\.8"),
        ({"mask": torch.zeros(1, 7, 6, 9)}, "found an empty mask"),
        ({"mask": torch.ones(1, 7, 6, 8)}, r"found a mask of shape \(7, 6, 8\), expected \(7, 6, 9\)"),
    ],
)
def test_what_names_no_slice_is_reported_with_subject_and_file(row, changes, message):
    with pytest.raises(InputError, match=r"image of subject p1 \(t1\.nii\.gz\): " + message) as error:
        SelectSliced("image")(row | changes)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("mask_key", ["mask", None])
def test_a_volume_with_neither_mask_nor_index_is_reported_what_to_add(row, mask_key):
    del row["mask"]
    with pytest.raises(InputError, match=r"nothing that names one, expected a mask .* or an index .*; add one"):
        SelectSliced("image", mask_key=mask_key)(row)


def test_an_impossible_axis_is_reported():
    with pytest.raises(InputError, match="axis is 3; expected 0, 1 or 2"):
        SelectSliced("image", axis=3)


def centre_of_liver(row) -> np.ndarray:
    """Millimetres of the middle of the mask in the row's slice."""
    pixels = np.argwhere(row["mask"][0].numpy() > 0).mean(0)
    return (row["image"].affine.numpy() @ [*pixels, 0, 1])[:3]


@pytest.mark.parametrize("case", ["01", "15", "22"])
def test_the_liver_slice_of_chaos_is_the_same_in_every_order_and_spacing(shared_data, case, tmp_path):
    folder = shared_data / "chaos_t2spir"
    files = {"image": str(folder / f"image_{case}.nii.gz"), "mask": str(folder / f"label_{case}.nii.gz")}
    load = [LoadImaged(KEYS, ensure_channel_first=True), Orientationd(KEYS, axcodes="RAS", labels=None)]
    load.append(LabelToMaskd("mask", select_labels=1))  # the liver; kidneys and spleen have other labels
    image = Compose(load)(files)["image"]
    plain = Compose([*load, SelectSliced(KEYS)])(files)
    label = nib.as_closest_canonical(nib.load(files["mask"])).get_fdata()
    areas = [(label[:, :, k] == 1).sum() for k in range(label.shape[2])]
    assert plain["slice"] == int(np.argmax(areas)) and plain["mask"].sum() == max(areas)
    assert torch.equal(plain["image"], image[..., plain["slice"]])

    flipped = {}
    for key, path in files.items():
        reordered = nib.load(path).as_reoriented(np.array([[1, -1], [2, 1], [0, 1]]))  # other axes first, one reversed
        flipped[key] = str(tmp_path / f"{key}.nii.gz")
        nib.save(reordered, flipped[key])
    other = Compose([*load, SelectSliced(KEYS)])(flipped)
    assert torch.equal(other["image"], plain["image"])
    np.testing.assert_allclose(other["image"].affine, plain["image"].affine, atol=1e-4)

    coarse = Spacingd(KEYS, pixdim=(2.0, 2.0, -1.0), mode=["bilinear", "nearest"])  # -1: as it is
    coarse = Compose([*load, coarse, SelectSliced(KEYS)])(files)
    np.testing.assert_allclose(coarse["image"].pixdim.numpy(), (2.0, 2.0), atol=1e-3)
    thickness = float(image.pixdim[2])
    assert np.linalg.norm(centre_of_liver(coarse) - centre_of_liver(plain)) < thickness + 4


def test_the_slice_of_lgg_96_has_most_tumour(shared_data):
    folders = sorted(path for path in (shared_data / "lgg_96").iterdir() if (path / "seg.nii.gz").is_file())[:4]
    for folder in folders:
        files = {"image": str(next(folder.glob("flair.nii.gz"))), "mask": str(folder / "seg.nii.gz")}
        result = Compose([LoadImaged(KEYS, ensure_channel_first=True), SelectSliced(KEYS)])(files)
        mask = nib.load(files["mask"]).get_fdata()
        assert result["slice"] == int(np.argmax((mask > 0).sum((0, 1))))
        assert result["image"].shape == (1, 96, 96)
