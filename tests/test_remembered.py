from __future__ import annotations

import pytest
from monai.bundle import ConfigParser
from yaml import YAMLError

from tests.remembered import BUNDLES, _read, load_config_file


def test_a_config_is_what_monai_reads_and_belongs_to_its_reader():
    for path in BUNDLES.glob("*/configs/*.yaml"):
        first = ConfigParser.load_config_file(path)
        assert first == _read(path)
        first.clear()
        assert ConfigParser.load_config_file(path) == _read(path)


def test_another_content_is_read_and_errors_and_warnings_come_each_time(tmp_path):
    path = tmp_path / "train.yaml"
    for text in ("a: 1", "a: 2"):
        path.write_text(text)
        assert load_config_file(path) == {"a": int(text[-1])}
    for _ in range(2):
        path.write_text("a: 1\na: 2")
        with pytest.warns(UserWarning, match="Duplicate key: `a`"):
            load_config_file(path)
        path.write_text("a: [")
        with pytest.raises(YAMLError):
            load_config_file(path)
