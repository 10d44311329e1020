from __future__ import annotations

from collections import Counter

from common.data import load_datalist
from common.data.phantoms import LungPhantoms


def test_stages_are_imbalanced_two_to_one_to_six_and_every_row_passes_the_check(tmp_path):
    path = LungPhantoms(num_subjects=18, shape=(24, 24, 24), num_folds=2).make(tmp_path / "lung")
    rows = load_datalist(path, mask="required", label="required", num_classes=3, mask_label=3)
    assert Counter(row["label"] for row in rows) == {0: 4, 1: 2, 2: 12}
    assert all(isinstance(row["image"], str) for row in rows)
