from __future__ import annotations

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
from PIL import Image
from scipy.ndimage import center_of_mass

from common.errors import InputError
from common.radiomics import write_position_table


def picture(path, left: int, top: int, size=(60, 40)) -> str:
    """A mask of 10 x 4 pixels, so far from the left and the top of a picture of this width and height."""
    pixels = np.zeros(size[::-1], dtype=np.uint8)
    pixels[top : top + 4, left : left + 10] = 255
    Image.fromarray(pixels).save(path)
    return str(path)


def row(mask: str | None, subject: str = "a") -> dict:
    return {"subject": subject, "fold": 0, "label": 1, "mask": mask}


def test_x_is_the_share_of_the_width_from_the_left_and_y_that_of_the_height_from_the_top(tmp_path):
    rows = [row(picture(tmp_path / "a.png", left=0, top=36)), row(picture(tmp_path / "b.png", left=50, top=0), "b")]
    found = pd.read_csv(write_position_table(rows, tmp_path / "p.csv"))
    assert found.columns.tolist() == ["subject", "fold", "label", "position_X", "position_Y"]
    np.testing.assert_allclose(found[["position_X", "position_Y"]], [[5 / 60, 38 / 40], [55 / 60, 2 / 40]])


def test_in_a_volume_the_centre_is_that_of_scipy_whatever_the_order_of_the_files_axes(tmp_path):
    mask = np.random.default_rng(0).random((6, 8, 10)) > 0.7
    paths = [tmp_path / "xyz.nii.gz", tmp_path / "zxy.nii.gz"]
    nib.save(nib.Nifti1Image(mask.astype(np.uint8) * 3, np.eye(4)), paths[0])
    turned = np.eye(4)[:, [2, 0, 1, 3]]  # the first axis of the file is the patient's third
    nib.save(nib.Nifti1Image(mask.transpose(2, 0, 1).astype(np.uint8) * 3, turned), paths[1])
    found = pd.read_csv(write_position_table([row(str(path)) for path in paths], tmp_path / "p.csv", mask_label=3))
    expected = (np.array(center_of_mass(mask)) + 0.5) / mask.shape
    np.testing.assert_allclose(found[["position_X", "position_Y", "position_Z"]], [expected, expected])


def test_all_rows_without_a_lesion_are_refused_at_once(tmp_path):
    good, none = row(picture(tmp_path / "a.png", 1, 1)), row(None, "b")
    with pytest.raises(InputError) as error:
        write_position_table([good, none], tmp_path / "p.csv", mask_label=7)
    first, *lines = str(error.value).splitlines()
    assert first == "position: mask: 2 problems" and not (tmp_path / "p.csv").exists()
    assert "a.png: found no voxel of the lesion" in lines[0] and "b: None: found none, expected a file" in lines[1]
