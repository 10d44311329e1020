from __future__ import annotations

import logging

import numpy as np
import torch
from monai.data import MetaTensor
from monai.transforms import Orientationd

from common.transforms import OrientVolumesd


def test_volumes_are_turned_as_monai_turns_them_and_slices_pass_without_a_word(caplog):
    affine = np.diag([-2.0, -3.0, 4.0, 1.0])[:, [1, 0, 2, 3]]
    volume = MetaTensor(torch.arange(24.0).view(1, 2, 3, 4), affine=torch.tensor(affine))
    image = MetaTensor(torch.arange(6.0).view(1, 2, 3), affine=torch.tensor(affine))
    expected = Orientationd("image", axcodes="RAS", labels=None)({"image": volume})["image"]
    with caplog.at_level(logging.WARNING):
        row = OrientVolumesd(["image", "slice"], axcodes="RAS", labels=None)({"image": volume, "slice": image})
    assert torch.equal(row["image"], expected) and torch.equal(row["image"].affine, expected.affine)
    assert not torch.equal(row["image"].as_tensor(), volume.as_tensor().reshape(row["image"].shape))
    assert row["slice"] is image and not caplog.records


def test_keys_may_be_missing():
    row = OrientVolumesd(["image", "mask"], axcodes="RAS", labels=None, allow_missing_keys=True)(
        {"image": MetaTensor(torch.rand(1, 2, 2, 2))}
    )
    assert set(row) == {"image"}
