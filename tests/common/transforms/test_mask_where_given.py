from __future__ import annotations

import pytest
import torch
from monai.data import MetaTensor
from monai.transforms import MaskIntensityd

from common.errors import InputError
from common.transforms import MaskWhereGivend


def test_what_lies_outside_the_mask_becomes_0_in_every_channel():
    image = torch.rand(3, 6, 5) + 0.5
    mask = torch.zeros(1, 6, 5)
    mask[0, 2:4, 1:] = 2
    result = MaskWhereGivend("image")({"image": image, "mask": mask})["image"]
    assert torch.equal(result, torch.where(mask > 0, image, 0))
    assert torch.equal(result, MaskIntensityd("image", mask_key="mask")({"image": image, "mask": mask})["image"])


@pytest.mark.parametrize("labels", [1, [1, 3]])
def test_only_the_selected_labels_are_kept(labels):
    image, mask = torch.rand(2, 4, 4) + 0.5, torch.arange(16.0).view(1, 4, 4) % 4
    kept = MaskWhereGivend("image", select_labels=labels)({"image": image, "mask": MetaTensor(mask)})["image"]
    expected = (mask == 1) | (mask == 3) if labels != 1 else mask == 1
    assert torch.equal(kept, torch.where(expected, image, 0))


def test_a_row_without_mask_passes_as_it_is():
    image = torch.rand(3, 6, 5)
    for row in ({"image": image}, {"image": image, "mask": None}):
        assert MaskWhereGivend("image")(row)["image"] is image


@pytest.mark.parametrize(("value", "labels"), [(0, None), (2, 1)])
def test_a_mask_that_keeps_nothing_is_reported(value, labels):
    row = {"image": torch.rand(3, 6, 5), "mask": torch.full((1, 6, 5), float(value)), "subject": "p1"}
    with pytest.raises(InputError, match="mask of subject p1: found nothing to keep"):
        MaskWhereGivend("image", select_labels=labels)(row)
