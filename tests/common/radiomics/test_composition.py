from __future__ import annotations

import nibabel as nib
import numpy as np
import pandas as pd
import pytest

from common.errors import InputError
from common.radiomics import write_composition_table


def saved(path, voxels: np.ndarray) -> str:
    nib.save(nib.Nifti1Image(np.asarray(voxels, dtype=np.uint8), np.eye(4)), path)
    return str(path)


def volume(*labels: int) -> np.ndarray:
    """Labels, and background round them."""
    return np.pad(np.reshape(labels, (-1, 1, 1)), 1)


def rows_of(tmp_path, *masks: np.ndarray) -> list[dict]:
    paths = [saved(tmp_path / f"{n}.nii.gz", mask) for n, mask in enumerate(masks)]
    return [{"subject": f"s{n}", "fold": n, "label": n % 2, "mask": path} for n, path in enumerate(paths)]


def test_the_table_has_the_square_root_of_each_labels_share(tmp_path):
    rows = rows_of(tmp_path, volume(10, 10, 4, 4), volume(1, 1, 1, 1), volume(4, 1, 1, 1))
    found = pd.read_csv(write_composition_table(rows, tmp_path / "c.csv"))
    assert found.columns.tolist() == ["subject", "fold", "label", *(f"composition_Label{n}" for n in (1, 4, 10))]
    shares = found.filter(like="composition_").to_numpy() ** 2
    np.testing.assert_allclose(shares, [[0, 1 / 2, 1 / 2], [1, 0, 0], [3 / 4, 1 / 4, 0]])
    assert found["subject"].tolist() == ["s0", "s1", "s2"] and found["fold"].tolist() == [0, 1, 2]


def test_masks_that_differ_by_their_one_label_are_no_composition_as_it_may_be_the_class(tmp_path):
    rows = rows_of(tmp_path, volume(1, 1), volume(255, 255))
    with pytest.raises(
        InputError, match=r"found several labels in 0 of 2 masks, expected .* half .* leave composition out"
    ):
        write_composition_table(rows, tmp_path / "c.csv")


def test_a_stray_voxel_does_not_make_a_composition_of_masks_whose_label_may_be_the_class(tmp_path):
    rows = rows_of(tmp_path, volume(1, 1), volume(2, 2), volume(1, 2))
    with pytest.raises(InputError, match="found several labels in 1 of 3 masks"):
        write_composition_table(rows, tmp_path / "c.csv")
    assert write_composition_table([*rows[1:]], tmp_path / "c.csv").exists()  # half of them


def test_labels_of_any_size_keep_their_digits(tmp_path):
    affine, labels = np.eye(4), np.pad(np.reshape([1234561, 1234562], (-1, 1, 1)), 1).astype(np.int32)
    nib.save(nib.Nifti1Image(labels, affine), tmp_path / "large.nii.gz")
    row = {"subject": "a", "fold": 0, "label": 0, "mask": str(tmp_path / "large.nii.gz")}
    found = pd.read_csv(write_composition_table([row], tmp_path / "c.csv"))
    assert found.columns.tolist()[3:] == ["composition_Label1234561", "composition_Label1234562"]


def test_masks_of_many_labels_are_refused(tmp_path):
    rows = rows_of(tmp_path, volume(*range(1, 12)))
    with pytest.raises(InputError, match="found 11 labels in the masks, expected at most 10"):
        write_composition_table(rows, tmp_path / "c.csv")


def test_all_unusable_masks_are_listed(tmp_path):
    good, empty = rows_of(tmp_path, volume(1, 4), volume(0, 0))
    with pytest.raises(InputError) as raised:
        write_composition_table([good, empty, {"subject": "c"}], tmp_path / "c.csv")
    first, *lines = str(raised.value).splitlines()
    assert first == "composition: mask: 2 problems" and not (tmp_path / "c.csv").exists()
    assert lines == [
        f"  s1: {empty['mask']}: found no voxel of the lesion, expected one or more; replace the file or "
        "delete the row",
        "  c: None: found none, expected a file; add it or delete the row",
    ]
