from __future__ import annotations

import numpy as np
import pandas as pd

from common.evaluation.predictions import outcomes_of
from common.evaluation.reports.report import write_report
from common.evaluation.subject_means import subject_means, subject_notes

PROBABILITIES = ["probability_0", "probability_1"]


def images(visits: int = 3, subjects: int = 12, **columns) -> pd.DataFrame:
    """Every subject but the last four with so many visits; rows in random order."""
    rng = np.random.default_rng(0)
    names = np.repeat(np.arange(subjects), np.where(np.arange(subjects) < subjects - 4, visits, 1))
    p = rng.uniform(0.1, 0.9, len(names))
    table = pd.DataFrame({"subject": [f"s{name:02d}" for name in names], "row": range(len(names)), "label": names % 2})
    table = table.assign(fold=names % 3, prediction=(p > 0.5).astype(int), probability_0=1 - p, probability_1=p)
    return table.assign(**{"set": "a", "fraction": 1.0, "seed": 0, **columns}).sample(frac=1, random_state=1)


def test_a_subject_has_the_mean_of_its_images_and_each_method_and_seed_its_own():
    table = pd.concat([images(), images(seed=1), images(set="b", score=2.0)], ignore_index=True)
    table.loc[table["set"] == "b", PROBABILITIES] = [0.3, 0.7]
    first, second = outcomes_of(table)
    expected = images().groupby("subject")[PROBABILITIES].mean().to_numpy()
    np.testing.assert_allclose(first.probabilities, np.stack([expected, expected]))
    assert first.subjects == tuple(f"s{i:02d}" for i in range(12)) and first.labels.tolist() == [0, 1] * 6
    np.testing.assert_allclose(second.scores, 2.0)
    np.testing.assert_allclose(second.probabilities[..., 1], 0.7)


def test_the_class_is_what_all_images_say_or_the_most_probable_one():
    table = images(visits=2, subjects=6).sort_values("row")
    table.loc[table["subject"] == "s00", ["prediction", *PROBABILITIES]] = [1, 0.6, 0.4]  # a classifier's own decision
    table.loc[table["subject"] == "s01", "prediction"] = [0, 1]
    table.loc[table["subject"] == "s01", PROBABILITIES] = [[0.55, 0.45], [0.1, 0.9]]
    found = subject_means(table).set_index("subject")["prediction"]
    assert found["s00"] == 1 and found["s01"] == 1


def test_one_image_of_each_subject_is_left_as_it_is():
    table = images(visits=1)
    assert subject_means(table) is table and subject_notes(table) == []


def test_a_subject_counts_to_the_class_of_its_first_image(caplog):
    table = images()
    table.loc[table["row"] == 2, ["label", *PROBABILITIES]] = [1, 0.0, 1.0]  # the third visit of s00, of class 0
    found = subject_means(table).set_index("subject").loc["s00"]
    rest = table[table["row"].isin([0, 1])]
    assert found["label"] == 0 and np.isclose(found["probability_1"], rest["probability_1"].mean())
    assert "1 images of another class than their subject's first are left out: s00" in caplog.text


def test_more_images_of_the_same_subjects_make_no_interval_narrower(tmp_path):
    one = images(visits=1, subjects=40)
    copies = pd.concat([one.assign(row=one["row"] + 100 * number) for number in range(5)])
    expected = write_report(one, tmp_path / "one", resamples=200, figures=False)
    found = write_report(copies, tmp_path / "five", resamples=200, figures=False)
    assert found["subjects"] == 40 and len(pd.read_csv(tmp_path / "five/predictions.csv")) == 200
    for one, other in zip(
        found["results"][0]["metrics"].values(), expected["results"][0]["metrics"].values(), strict=True
    ):
        np.testing.assert_allclose(list(one.values()), list(other.values()), atol=1e-12)
    assert "40 of 40 subjects have several images or visits, 200 in all" in (tmp_path / "five/report.md").read_text()
