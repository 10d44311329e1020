from __future__ import annotations

import numpy as np
import pytest
import torch
from monai.data import MetaTensor
from scipy import ndimage

from common.errors import InputError
from common.transforms import CropToMaskd


def row(corner: tuple[int, int, int] = (2, 3, 4)) -> dict:
    image = torch.arange(10 * 12 * 14.0).view(1, 10, 12, 14) + 1
    mask = torch.zeros(1, 10, 12, 14)
    x, y, z = corner
    mask[0, x : x + 2, y : y + 2, z : z + 2] = 1
    mask[0, x + 4, y, z] = 1  # a tail, which moves the middle of the bounding box but hardly the centroid
    return {"image": MetaTensor(image, affine=torch.eye(4)), "mask": mask}


def test_the_box_lies_round_the_centroid_and_not_round_the_middle_of_the_bounding_box():
    data = row()
    found = CropToMaskd("image", "mask", (4, 4, 4))(data)["image"]
    centre = [int(c + 0.5) for c in ndimage.center_of_mass(data["mask"][0].numpy())]
    x, y, z = (c - 2 for c in centre)
    assert torch.equal(found.as_tensor(), data["image"].as_tensor()[:, x : x + 4, y : y + 4, z : z + 4])
    assert np.allclose(found.affine[:3, 3], [x, y, z])


@pytest.mark.parametrize("size", [(8, 8, 8), (30, 7, 16)])
def test_what_lies_outside_the_volume_is_background_and_the_centroid_stays_in_the_middle(size):
    data = row((0, 9, 11))
    found = CropToMaskd(["image", "mask"], "mask", size)(data)
    assert found["image"].shape == (1, *size)
    before, after = (data["image"] * data["mask"]).sum(), (found["image"] * found["mask"]).sum()
    assert before == after  # the lesion is inside, at its own voxels
    centre = ndimage.center_of_mass(np.asarray(found["mask"][0]))
    assert all(abs(c - s // 2) <= 0.5 + 1e-6 for c, s in zip(centre, size, strict=True))
    assert (found["image"] == 0).any()


def test_an_empty_mask_is_one_line():
    with pytest.raises(InputError, match="subject p7: the mask is empty"):
        CropToMaskd("image", "mask", (4, 4, 4))(
            {"image": torch.zeros(1, 5, 5, 5), "mask": torch.zeros(1, 5, 5, 5), "subject": "p7"}
        )
