"""What the last step needs is checked before the first training."""

from __future__ import annotations

import pytest

from common.errors import InputError
from common.study import Study, packages, write_plan
from common.study.plan_text import describe_plan

from .builders import plan


def test_a_study_without_the_packages_of_packaging_is_refused_before_anything_is_trained(tmp_path, monkeypatch):
    monkeypatch.setattr(packages, "find_spec", lambda name: None if name == "onnx" else object())
    write_plan(tmp_path, plan())
    with pytest.raises(InputError, match=r"found no onnx, expected .*bash scripts/install.sh deploy"):
        Study(tmp_path).finish()
    assert [path.name for path in tmp_path.iterdir()] == ["plan.yaml"]


def test_a_plan_says_why_radiomics_are_left_out(tmp_path):
    text = describe_plan(tmp_path, plan(reasons={"methods": "outline and radiomics, as images have no mask"}))
    assert "Left out: outline and radiomics, as images have no mask." in text
