from __future__ import annotations

import math

import nibabel as nib
import numpy as np
import pytest

from common.data import lesion_traits


@pytest.fixture
def rows(tmp_path):
    """Lesions of 8, 12 and 27 voxels of 2 x 3 x 0.5 mm, on a turned grid, at two centres."""
    affine = np.array([[0, -3, 0, 5], [2, 0, 0, 1], [0, 0, 0.5, 7], [0, 0, 0, 1.0]])
    found = []
    for number, (voxels, centre) in enumerate(((8, "B"), (12, "A"), (27, "B"))):
        mask = np.zeros(1000, dtype=np.uint8)
        mask[:voxels], mask[voxels : voxels + 5] = 1, 2
        path = tmp_path / f"{number}.nii.gz"
        nib.save(nib.Nifti1Image(mask.reshape(10, 10, 10), affine), path)
        found.append({"mask": str(path), "Site": centre, "index": number})
    return found


@pytest.mark.parametrize(("mask_label", "more"), [(1, 0), ([1], 0), (None, 5)])
def test_sizes_are_volumes_in_mm_and_centres_are_numbered_by_name(rows, mask_label, more, tmp_path):
    found = lesion_traits(rows, mask_label, tmp_path)
    assert found["centre"].tolist() == [1, 0, 1]
    assert found["size"].tolist() == pytest.approx([math.log(3 * (voxels + more)) for voxels in (8, 12, 27)])


def test_what_a_row_lacks_is_left_out(rows):
    without_centre = [{**row, "Site": None} if number else row for number, row in enumerate(rows)]
    assert set(lesion_traits(without_centre)) == {"size"}
    assert set(lesion_traits([{"Site": row["Site"]} for row in rows])) == {"centre"}
    assert set(lesion_traits(rows, mask_label=7)) == {"centre"}  # which no mask has
