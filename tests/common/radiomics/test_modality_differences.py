from __future__ import annotations

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from common.errors import InputError
from common.radiomics import write_modality_differences_table

NAMES = ["t1", "t1ce", "t2"]
SHAPE = (6, 5, 4)


def saved(path, voxels: np.ndarray, affine=None) -> str:
    nib.save(nib.Nifti1Image(voxels, np.eye(4) if affine is None else affine), path)
    return str(path)


def images(seed: int) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 255, SHAPE).astype(np.uint8) for _ in NAMES]


MASK = np.zeros(SHAPE, np.uint8)
MASK[1:4, 1:3, 1:3] = 1
MASK[4, 1:3, 1:3] = 4


@pytest.fixture
def row(tmp_path) -> dict:
    paths = [saved(tmp_path / f"{name}.nii.gz", image) for name, image in zip(NAMES, images(0), strict=True)]
    return {"subject": "a", "row": 0, "fold": 1, "label": 0, "image": paths, "mask": saved(tmp_path / "m.nii.gz", MASK)}


def differences(volumes, lesion) -> dict[str, float]:
    """By definition."""
    t1, t1ce, t2 = (np.percentile(each[lesion].astype(float), 95) for each in volumes)
    return {
        "difference_t1ce minus t1": t1ce - t1,
        "difference_t2 minus t1": t2 - t1,
        "difference_t2 minus t1ce": t2 - t1ce,
    }


@pytest.mark.parametrize("label", [None, 4])
def test_the_table_has_the_differences_of_the_95th_percentiles_in_the_lesion(row, tmp_path, label):
    found = pd.read_csv(write_modality_differences_table([row], tmp_path / "d.csv", NAMES, label))
    lesion = MASK > 0 if label is None else label == MASK
    assert found.filter(like="difference_").iloc[0].to_dict() == pytest.approx(differences(images(0), lesion))
    assert found[["subject", "row", "fold", "label"]].iloc[0].tolist() == ["a", 0, 1, 0]


def test_channels_of_one_file_are_modalities(row, tmp_path):
    row["image"] = saved(tmp_path / "all.nii.gz", np.stack(images(0), axis=-1))
    found = pd.read_csv(write_modality_differences_table([row], tmp_path / "d.csv", NAMES))
    assert found.filter(like="difference_").iloc[0].to_dict() == pytest.approx(differences(images(0), MASK > 0))


def test_standardized_differences_do_not_depend_on_a_scanners_units(row, tmp_path):
    found = pd.read_csv(write_modality_differences_table([row], tmp_path / "d.csv", NAMES, standardize=True))
    seen = [each[each != 0].astype(float) for each in images(0)]
    scores = [(each - s.mean()) / s.std() for each, s in zip(images(0), seen, strict=True)]
    assert found.filter(like="difference_").iloc[0].to_dict() == pytest.approx(differences(scores, MASK > 0))
    for path, image in zip(row["image"], images(0), strict=True):
        saved(path, image.astype(np.float32) * 7)
    again = pd.read_csv(write_modality_differences_table([row], tmp_path / "d.csv", NAMES, standardize=True))
    np.testing.assert_allclose(found.filter(like="difference_"), again.filter(like="difference_"), rtol=1e-5)


@pytest.mark.parametrize(
    "image",
    [np.zeros(SHAPE, np.uint8), np.full(SHAPE, 7, np.uint8), np.full(SHAPE, 0.1, np.float32), (MASK > 0) * np.uint8(7)],
    ids=["zeros", "sevens", "equal floats", "zeros and sevens"],
)
def test_an_image_of_one_intensity_has_no_z_scores(row, tmp_path, image):
    saved(row["image"][1], image)
    with pytest.raises(InputError, match=r"a: .*t1ce.nii.gz: found one intensity other than 0 at most, expected"):
        write_modality_differences_table([row], tmp_path / "d.csv", NAMES, standardize=True)


def test_a_missing_modality_leaves_its_differences_empty(row, tmp_path):
    lacking = {**row, "subject": "b", "image": [row["image"][0], None, row["image"][2]]}
    found = pd.read_csv(write_modality_differences_table([row, lacking], tmp_path / "d.csv", NAMES))
    assert found.filter(like="difference_").notna().to_numpy().tolist() == [[True] * 3, [False, True, False]]


def test_one_modality_is_refused(row, tmp_path):
    with pytest.raises(InputError, match="found one modality, expected two or more; leave modality_differences out"):
        write_modality_differences_table([row], tmp_path / "d.csv", ["t1"])


def test_all_rows_whose_files_cannot_be_used_are_listed(row, tmp_path):
    moved = saved(tmp_path / "moved.nii.gz", MASK, np.diag([2.0, 1.0, 1.0, 1.0]))
    rows = [
        row,
        {**row, "subject": "b", "mask": moved},
        {**row, "subject": "c", "image": [*row["image"][:2], str(tmp_path / "none.nii.gz")]},
        {**row, "subject": "d", "image": row["image"][:2]},
        {**row, "subject": "e", "mask": None},
    ]
    with pytest.raises(InputError) as raised:
        write_modality_differences_table(rows, tmp_path / "d.csv", NAMES)
    first, *lines = str(raised.value).splitlines()
    assert first == "modality differences: 4 problems"
    for line, text in zip(
        lines,
        [
            f"b: {moved}: voxel (5, 0, 0) is 5 mm from the image's",
            "c: " + str(tmp_path / "none.nii.gz") + ": no such file",
            "d: 2 images in the datalist; expected one with index 2",
            "e: no mask in the datalist; expected a file",
        ],
        strict=True,
    ):
        assert line.strip().startswith(text)
