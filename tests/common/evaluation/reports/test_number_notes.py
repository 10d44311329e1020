"""The sentence on single numbers of a lesion says how good the best of them is by chance."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from common.evaluation.reports.number_notes import number_notes

NUMBERS = 10


def write_table(path: Path, subjects: int) -> pd.DataFrame:
    """Numbers that say nothing of the label, one of them with ties."""
    values = np.random.default_rng(1).normal(size=(subjects, NUMBERS))
    table = pd.DataFrame(values, columns=[f"outline_{place}" for place in range(NUMBERS)])
    table["outline_0"] = np.round(table["outline_0"])
    table.insert(0, "subject", [f"s{place}" for place in range(subjects)])
    table.insert(1, "fold", 0)
    table.insert(2, "label", [int(place % 4 == 0) for place in range(subjects)])
    table.to_csv(path, index=False)
    return table


def by_chance(path: Path) -> float:
    (sentence,) = number_notes(path, "Outline", [0], resamples=20)
    return float(re.search(r"shuffled labels the best has ([\d.]+) on average", sentence)[1])


@pytest.mark.parametrize("subjects", [12, 200])
def test_the_best_number_by_chance_is_the_mean_of_the_best_with_shuffled_labels(subjects, tmp_path):
    table, rng, naive = write_table(path := tmp_path / "outline.csv", subjects), np.random.default_rng(2), []
    for _ in range(200):
        labels = rng.permutation(table["label"])
        areas = [roc_auc_score(labels, table[f"outline_{place}"]) for place in range(NUMBERS)]
        naive.append(max(max(area, 1 - area) for area in areas))
    assert by_chance(path) == pytest.approx(np.mean(naive), abs=0.02)


def test_the_best_number_by_chance_is_better_the_fewer_the_subjects(tmp_path):
    write_table(few := tmp_path / "few.csv", 12)
    write_table(many := tmp_path / "many.csv", 400)
    assert by_chance(few) > 0.75 > 0.6 > by_chance(many)


def test_numbers_that_no_judged_subject_has_are_not_counted(tmp_path):
    table = write_table(path := tmp_path / "numbers.csv", 40)
    table[["outline_3", "outline_4"]] = np.nan
    table.to_csv(path, index=False)
    (sentence,) = number_notes(path, "Outline", [0], resamples=20)
    assert "best of 8," in sentence and "nan" not in sentence
    table[[f"outline_{place}" for place in range(NUMBERS)]] = np.nan
    table.to_csv(path, index=False)
    assert number_notes(path, "Outline", [0], resamples=20) == []
