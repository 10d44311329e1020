from __future__ import annotations

import pytest

from common.evaluation.reports.label_fraction_table import write_label_fraction_table


@pytest.mark.parametrize(
    ("number", "words"), [(23.0, "23 training subjects"), (23.2, "23.2 training subjects (mean over folds)")]
)
def test_a_number_of_subjects_is_whole_or_says_that_it_is_a_mean(tmp_path, number, words):
    metric = {"value": 1.0, "std_over_seeds": 0.0, "low": 1.0, "high": 1.0}
    summary = {
        "majority_class": {"accuracy": metric},
        "fractions": [1.0],
        "results": [],
        "confidence": 0.95,
        "subjects": 9,
        "resamples": 9,
        "notes": [],
    }
    path = write_label_fraction_table(summary, tmp_path, {1.0: number}, tmp_path / "a.png")
    assert f"100 % of the labels: {words}\n" in path.read_text()
