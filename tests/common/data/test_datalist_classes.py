from __future__ import annotations

import json

import pytest

from common.data import class_names
from common.errors import InputError


def test_names_come_in_the_order_of_their_numbers(tmp_path):
    labels = {str(index): f"class {index}" for index in reversed(range(11))}
    (tmp_path / "datalist.json").write_text(json.dumps({"labels": labels}))
    assert class_names(tmp_path / "datalist.json") == [f"class {index}" for index in range(11)]


def test_a_datalist_without_names_has_none(tmp_path):
    (tmp_path / "datalist.json").write_text("{}")
    assert class_names(tmp_path / "datalist.json") is None


def test_a_missing_datalist_is_one_line(tmp_path):
    with pytest.raises(InputError, match="no readable datalist"):
        class_names(tmp_path / "datalist.json")
