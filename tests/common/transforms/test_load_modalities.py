from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest
import torch
from monai.transforms import LoadImage, LoadImaged
from PIL import Image

from common.errors import InputError
from common.transforms import LoadModalitiesd

AFFINE = np.array([[-1.5, -0.14, 0, 10], [0.15, -1.4, 0, 20], [0, 0, 7, 30], [0, 0, 0, 1.0]])


@pytest.fixture
def write(tmp_path):
    """``write(name, shape, seed)`` puts a NIfTI or PNG into the folder and returns its path."""

    def write(name: str, shape: tuple[int, ...] = (12, 9), seed: int = 0) -> str:
        voxels = np.random.default_rng(seed).integers(0, 255, shape)
        if name.endswith(".png"):
            Image.fromarray(voxels.astype(np.uint8)).save(tmp_path / name)
        else:
            nib.save(nib.Nifti1Image(voxels.astype(np.int16), AFFINE), tmp_path / name)
        return str(tmp_path / name)

    return write


@pytest.mark.parametrize("shape", [(12, 9), (12, 9, 1), (12, 9, 5)])
def test_with_all_files_there_it_gives_what_monais_loader_gives(write, shape):
    files = [write(f"{i}.nii.gz", shape, seed=i) for i in range(3)]
    found = LoadModalitiesd("image")({"image": files})
    expected = LoadImaged("image", ensure_channel_first=True)({"image": files})
    assert torch.equal(found["image"], expected["image"]) and found["image"].shape == (3, *shape)
    np.testing.assert_allclose(found["image"].affine, expected["image"].affine)
    assert found["missing"].tolist() == [False] * 3


@pytest.mark.parametrize("gap", [0, 1, 2])
def test_a_missing_modality_becomes_zeros_in_its_place_and_is_flagged(write, gap):
    files = [write(f"{i}.nii.gz", seed=i) for i in range(3)]
    full = LoadModalitiesd("image")({"image": files})["image"]
    row = LoadModalitiesd("image")({"image": [None if i == gap else file for i, file in enumerate(files)]})
    assert row["missing"].tolist() == [i == gap for i in range(3)]
    assert not row["image"][gap].any()
    others = [i for i in range(3) if i != gap]
    assert torch.equal(row["image"][others], full[others]) and full[others].all(0).any()
    np.testing.assert_allclose(row["image"].affine, AFFINE)


def test_channels_of_one_file_are_modalities(write):
    row = LoadModalitiesd("image")({"image": write("all.nii.gz", (6, 5, 4, 3))})
    assert row["image"].shape == (3, 6, 5, 4) and row["missing"].tolist() == [False] * 3


@pytest.mark.parametrize("select", [[1], [2, 0]])
def test_selected_modalities_come_alone_and_in_their_order(write, select):
    files = [write(f"{i}.nii.gz", seed=i) for i in range(3)]
    full = LoadModalitiesd("image")({"image": files})["image"]
    row = LoadModalitiesd("image", select=select)(
        {"image": [files[0], files[1], None if 2 not in select else files[2]]}
    )
    assert torch.equal(row["image"], full[select]) and row["missing"].tolist() == [False] * len(select)
    several = LoadModalitiesd("image", select=select)({"image": write("all.nii.gz", (6, 5, 4, 3))})["image"]
    assert torch.equal(several, LoadModalitiesd("image")({"image": write("all.nii.gz", (6, 5, 4, 3))})["image"][select])


def test_a_selected_modality_that_is_missing_or_not_listed_is_reported(write):
    files = [write("a.nii.gz"), None]
    with pytest.raises(InputError, match="found no file, expected at least one of 1 modalities"):
        LoadModalitiesd("image", select=[1])({"image": files})
    with pytest.raises(InputError, match=r"found 2 modalities, expected those of select, \[2\]"):
        LoadModalitiesd("image", select=[2])({"image": files})


def test_formats_may_be_mixed(write):
    png, nifti = write("a.png", (9, 12)), write("b.nii.gz")
    image = LoadModalitiesd("image")({"image": [png, nifti]})["image"]
    assert image.shape == (2, 12, 9)
    assert torch.equal(image[:1].as_tensor(), LoadImage(ensure_channel_first=True)(png).as_tensor())


def test_dicom_series_load_as_modalities(shared_data):
    study = shared_data / "pgbm_dicom" / "PGBM-001" / "study_19911119"
    row = LoadModalitiesd("image")({"image": [str(study / "T1post"), None, str(study / "T2_reg")]})
    assert row["image"].shape == (3, 260, 320, 25) and row["missing"].tolist() == [False, True, False]
    np.testing.assert_allclose(row["image"].pixdim, LoadImage()(study / "T1post").pixdim)


@pytest.mark.parametrize(("other", "shape"), [("other.nii.gz", (12, 8)), ("other.nii.gz", (12, 9, 1))])
def test_files_that_cannot_be_stacked_are_reported_by_name(write, other, shape):
    files = [write("first.nii.gz"), write(other, shape)]
    with pytest.raises(InputError, match=rf"image of subject p1: .*{other}: found shape .*, expected one channel of"):
        LoadModalitiesd("image")({"image": files, "subject": "p1"})


def test_a_row_without_any_file_is_reported():
    with pytest.raises(InputError, match="subject p1: found no file, expected at least one of 2 modalities"):
        LoadModalitiesd("image")({"image": [None, None], "subject": "p1"})


def test_the_row_given_stays_as_it_is(write):
    row = {"image": [write("a.nii.gz"), None]}
    LoadModalitiesd("image")(row)
    assert row == {"image": [row["image"][0], None]}
