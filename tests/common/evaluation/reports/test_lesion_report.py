from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from common.errors import InputError
from common.evaluation import write_lesion_report
from common.evaluation.reports.lesion_report import summarise_lesions

NAMES = ["dsc", "ppv", "ltpr", "lfpr"]


def table(seed: int, subjects: int = 12, shift: float = 0.0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    values = np.clip(rng.uniform(0.2, 0.8, (subjects, 4)) + shift, 0, 1)
    return pd.DataFrame(values, columns=NAMES).assign(subject=[f"{i:03d}" for i in range(subjects)])


def test_the_mean_is_over_subjects_whatever_the_number_of_their_visits(tmp_path):
    rows = pd.DataFrame([[1.0] * 4] * 3 + [[0.0] * 4], columns=NAMES).assign(subject=["a", "a", "a", "b"])
    found = write_lesion_report({"one": rows}, tmp_path, resamples=50)
    assert found["subjects"] == 2 and found["results"][0]["metrics"]["dsc"]["value"] == 0.5


def test_intervals_are_percentiles_of_resampled_means():
    values = table(0).set_index("subject")
    found = summarise_lesions(values, resamples=4000, seed=1)["dsc"]
    rng = np.random.default_rng(7)
    column = values["dsc"].to_numpy()
    means = [rng.choice(column, len(column)).mean() for _ in range(4000)]
    assert found.value == pytest.approx(column.mean())
    assert (found.low, found.high) == pytest.approx(tuple(np.quantile(means, [0.025, 0.975])), abs=0.01)


def test_subjects_without_a_value_are_left_out_and_a_metric_that_none_has_is_null(tmp_path):
    rows = table(0)
    rows.loc[0, "ltpr"] = np.nan
    rows["lfpr"] = np.nan
    found = write_lesion_report({"one": rows}, tmp_path, resamples=50)
    assert found["results"][0]["metrics"]["ltpr"]["value"] == pytest.approx(rows["ltpr"][1:].mean())
    written = json.loads((tmp_path / "metrics.json").read_text())
    assert written["results"][0]["metrics"]["lfpr"]["value"] is None


def test_methods_are_compared_subject_by_subject(tmp_path):
    first = table(0)
    better = first.assign(dsc=first["dsc"] + 0.1)
    first.to_csv(tmp_path / "first.csv", index=False)
    found = write_lesion_report({"A": tmp_path / "first.csv", "B": better}, tmp_path / "report", notes=["Made up."])
    difference = found["results"][1]["difference"]["dsc"]
    # all differ by the same: no resample says anything else, however wide the intervals of the methods are
    assert difference["low"] == pytest.approx(0.1) and difference["high"] == pytest.approx(0.1)
    text = (tmp_path / "report" / "report.md").read_text()
    assert "| B | +0.100 (+0.100 to +0.100) |" in text and "- Made up." in text and "LFPR (lower is better)" in text
    assert (tmp_path / "report" / "figures" / "lesions.png").stat().st_size > 1000
    assert len(pd.read_csv(tmp_path / "report" / "subjects.csv")) == 24
    assert set(pd.read_csv(tmp_path / "report" / "metrics.csv")["metric"]) == set(NAMES)


def test_other_subjects_or_missing_columns_are_reported(tmp_path):
    with pytest.raises(InputError, match="B: found other subjects than A has, such as 011"):
        write_lesion_report({"A": table(0), "B": table(0, subjects=11)}, tmp_path)
    with pytest.raises(InputError, match="found no column lfpr"):
        write_lesion_report({"A": table(0).drop(columns="lfpr")}, tmp_path)
    with pytest.raises(InputError, match="methods: found none"):
        write_lesion_report({}, tmp_path)
    assert not list(tmp_path.iterdir())


def test_structures_are_reported_by_label_and_not_as_lesions(tmp_path):
    rows = pd.DataFrame({"dice": [0.9, 0.7], "dice_1": [1.0, 0.6], "dice_2": [0.8, 0.8], "subject": ["a", "b"]})
    found = write_lesion_report({"U-Net": rows}, tmp_path, resamples=50)
    assert {name: value["value"] for name, value in found["results"][0]["metrics"].items()} == pytest.approx(
        {"dice": 0.8, "dice_1": 0.8, "dice_2": 0.8}
    )
    page = (tmp_path / "report.md").read_text()
    assert "| Dice | Dice of label 1 | Dice of label 2 |" in page and "LTPR" not in page
