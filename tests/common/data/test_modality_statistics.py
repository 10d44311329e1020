from __future__ import annotations

import numpy as np
import pytest
import torch

from common.data import measure_modalities
from common.errors import InputError

GENERATOR = torch.Generator().manual_seed(0)
#: Three subjects of different sizes; the middle one lacks T2.
SAMPLES = [
    {"image": 3 + torch.rand(2, *size, generator=GENERATOR).half(), "missing": torch.tensor([False, size == (4, 7)])}
    for size in ((5, 6), (4, 7), (9, 3))
]


def test_mean_and_std_are_those_of_all_pixels_together_without_missing_images():
    found = measure_modalities(SAMPLES, ["T1", "T2"])
    assert list(found) == ["T1", "T2"]
    for channel, (name, places) in enumerate({"T1": (0, 1, 2), "T2": (0, 2)}.items()):
        pixels = np.concatenate([SAMPLES[i]["image"][channel].flatten().double().numpy() for i in places])
        assert found[name] == pytest.approx((pixels.mean(), pixels.std(), len(places)), rel=1e-12)


def test_the_foreground_is_what_is_not_zero():
    image = torch.tensor([[[0.0, 1.0], [0.0, 3.0]]])
    assert measure_modalities([{"image": image}], ["T1"]) == {"T1": pytest.approx((1.0, 1.5**0.5, 1))}
    assert measure_modalities([{"image": image}], ["T1"], foreground=True) == {"T1": (2.0, 1.0, 1)}


def test_a_volume_far_from_zero_loses_no_digits():
    image = 1e4 + torch.tensor([0.0, 1.0]).repeat(50_000).reshape(1, 100, 100, 10)
    assert measure_modalities([{"image": image}] * 3, ["CT"])["CT"].std == pytest.approx(0.5, rel=1e-9)


def test_modalities_without_an_image_are_named_together():
    samples = [{"image": torch.rand(3, 2, 2), "missing": torch.tensor([True, False, True])}]
    with pytest.raises(InputError, match="T1, OUT: no image to measure"):
        measure_modalities(samples, ["T1", "T2", "OUT"])


def test_a_constant_modality_is_refused():
    with pytest.raises(InputError, match=r"T1 \(0.5\): all pixels have one value"):
        measure_modalities([{"image": torch.full((1, 3, 3), 0.5)}], ["T1"])
