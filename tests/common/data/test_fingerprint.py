from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch
from monai.bundle import ConfigParser
from monai.transforms import (
    Compose,
    CropForegroundd,
    EnsureTyped,
    Lambdad,
    LoadImaged,
    Orientationd,
    ScaleIntensityRangePercentilesd,
    SpatialPadd,
)

from common.data.fingerprint import fingerprint
from common.errors import InputError


def pipeline(upper: float = 99.5, dtype: torch.dtype = torch.uint8, threshold: float = 0.0):
    return [
        LoadImaged("image", ensure_channel_first=True),
        Orientationd("image", axcodes="RAS", labels=None),
        CropForegroundd("image", "image", select_fn=lambda x: x > threshold, allow_smaller=True),
        ScaleIntensityRangePercentilesd("image", 0.5, upper, 0.0, 255.0, clip=True, channel_wise=True),
        SpatialPadd("image", spatial_size=[8, 8, 8]),
        EnsureTyped("image", dtype=dtype, track_meta=False),
    ]


def test_the_same_settings_have_the_same_hash_and_any_other_setting_another():
    same = fingerprint(*pipeline())
    assert same == fingerprint(*pipeline())
    others = [pipeline(upper=99.0), pipeline(dtype=torch.float16), pipeline(threshold=1.0), pipeline()[:-1]]
    assert len({same, *(fingerprint(*other) for other in others)}) == 5
    assert same != fingerprint(*pipeline()[::-1])


def test_using_the_transforms_does_not_change_the_hash(cohort):
    transforms = pipeline()
    before = fingerprint(*transforms)
    Compose(transforms)({"image": str(cohort.folder / "s0_t1.nii.gz")})
    assert fingerprint(*transforms) == before


def offset(image, by):
    return image + by


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (np.arange(3), np.arange(3.0)),
        (torch.zeros(2), torch.zeros(3)),
        (partial(offset, by=1), partial(offset, by=2)),
        (Lambdad("image", lambda x: x + 1), Lambdad("image", lambda x: x + 2)),
        ({"a": 1}, {"a": 2}),
        (torch.float16, torch.float32),
        (np.mean, np.max),
        (1, "1"),
        ([1, [2]], [[1], 2]),
    ],
)
def test_what_differs_has_another_hash(one, other):
    assert fingerprint(one) != fingerprint(other)


def test_things_that_point_to_each_other_come_to_an_end():
    class Thing:
        pass

    one = Thing()
    one.other = Thing()
    one.other.back = one
    assert len(fingerprint(one)) == 40


def test_what_has_no_settings_is_reported():
    with pytest.raises(InputError, match="whose settings cannot be read"):
        fingerprint(partial(offset, by=iter([1])))


def test_a_function_of_a_config_counts_with_the_values_of_the_ids_it_refers_to():
    config = {"func": "$lambda image: [image[each] for each in @selected]"}
    one, other, again = (ConfigParser({**config, "selected": chosen}) for chosen in ([0], [1], [0]))
    found = [fingerprint(parser.get_parsed_content("func")) for parser in (one, other, again)]
    assert found[0] != found[1] and found[0] == found[2]
