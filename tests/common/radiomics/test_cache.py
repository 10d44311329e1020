from __future__ import annotations

import numpy as np
import pytest

from common.files import file_digest
from common.radiomics import RadiomicsSettings
from common.radiomics.cache import FeatureCache
from common.radiomics.engine import Measured


def test_a_folder_is_known_by_its_files_bytes(tmp_path):
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.dcm").write_bytes(b"one")
        (tmp_path / name / "2.dcm").write_bytes(b"three" if name == "c" else b"two")
    digests = {name: file_digest(tmp_path / name) for name in ("a", "b", "c")}
    assert digests["a"] == digests["b"] != digests["c"]


def test_what_is_kept_comes_back_with_nan_and_reasons(tmp_path):
    pytest.importorskip("radiomics")
    cache = FeatureCache(tmp_path, RadiomicsSettings.load())
    kept = Measured({"a": 1 / 3, "b": np.nan}, {"square": "too many levels"}, 2)
    assert cache.load("key") is None
    cache.store("key", kept)
    found = cache.load("key")
    assert found.features["a"] == 1 / 3 and np.isnan(found.features["b"])
    assert (found.problems, found.dimension) == (kept.problems, 2)


def test_a_damaged_file_is_measured_again(tmp_path):
    pytest.importorskip("radiomics")
    cache = FeatureCache(tmp_path, RadiomicsSettings.load())
    for text in ("", "{", "[]", '{"unknown": 1}'):
        (tmp_path / "key.json").write_text(text)
        assert cache.load("key") is None
