"""The trial of a segmenter."""

from __future__ import annotations

import nibabel
import numpy as np
import pytest

from common.errors import InputError
from common.study.segmenter import _scores


def test_the_dice_of_a_case_is_that_of_its_own_subject(tmp_path):
    rows = []
    for subject, hit in (("1", 1), ("10", 0), ("[1]", 1)):
        truth = np.zeros((4, 4, 4), np.uint8)
        truth[0] = 1
        for name, voxels in ((f"{subject}.nii.gz", truth), (f"{subject}_lesions.nii.gz", truth * hit)):
            nibabel.save(nibabel.Nifti1Image(voxels, np.eye(4)), tmp_path / name)
        rows.append({"subject": subject, "label": tmp_path / f"{subject}.nii.gz"})
    assert [case["dice"] for case in _scores(rows, tmp_path)] == [1.0, 0.0, 1.0]
    with pytest.raises(InputError, match="no segmentation of 2; expected one"):
        list(_scores([{"subject": "2", "label": tmp_path / "1.nii.gz"}], tmp_path))
