from __future__ import annotations

import pytest

from common.setting_text import setting_text, settings_text

SCALE = {"_target_": "monai.transforms.ScaleIntensityd", "keys": "image", "minv": 0.0}


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ([32, 32, 32], "[32, 32, 32]"),
        (None, "None"),
        (SCALE, "ScaleIntensityd (keys image, minv 0.0)"),
        ({"_target_": "monai.transforms.ToTensor"}, "ToTensor"),
        ({"min": 1, "max": 2}, "min 1, max 2"),
        ({}, "nothing"),
        ([{"_target_": "a.A"}, {"_target_": "a.B", "p": [{"_target_": "a.C"}]}], "[A, B (p [C])]"),
        ([[{"_target_": "a.A", "_disabled_": True}], 3], "[[A], 3]"),
    ],
)
def test_a_setting_is_shown_without_brackets_of_code(value, text):
    assert setting_text(value) == text


def test_settings_are_shown_by_name():
    assert (
        settings_text({"epochs": 3, "augment": [{"_target_": "monai.transforms.Flip"}]}) == "epochs 3, augment [Flip]"
    )
