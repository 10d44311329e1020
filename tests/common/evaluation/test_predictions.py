from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from common.errors import InputError
from common.evaluation import read_predictions
from common.evaluation.predictions import majority_baseline, outcomes_of


def table(n: int = 8, **columns) -> pd.DataFrame:
    p = np.linspace(0.1, 0.9, n)
    keys = {"subject": [f"0{i}" for i in range(n)], "fold": np.arange(n) % 2, "label": [0, 1, 1, 1] * (n // 4)}
    values = {"prediction": (p > 0.5).astype(int), "probability_0": 1 - p, "probability_1": p}
    return pd.DataFrame({**keys, **values, **columns})


def test_a_networks_predictions_are_read_as_one_method(tmp_path):
    table().to_csv(tmp_path / "p.csv", index=False)
    found = read_predictions(tmp_path / "p.csv", "Supervised")
    assert set(found["set"]) == {"Supervised"} and set(found["fraction"]) == {1.0} and set(found["seed"]) == {0}
    (outcome,) = outcomes_of(found)
    assert outcome.subjects[0] == "00" and outcome.predictions.shape == (1, 8)
    np.testing.assert_array_equal(outcome.scores[0], found["probability_1"])
    np.testing.assert_array_equal(outcomes_of(found, positive=0)[0].scores[0], found["probability_0"])


def test_one_file_per_fold_and_fraction_is_put_together(tmp_path):
    whole = table()
    for fold in (0, 1):
        for part in ("full", "half"):
            rows = whole[whole["fold"] == fold].drop(columns="fold")
            rows.to_csv(tmp_path / f"{part}{fold}.csv", index=False)
    source = {1.0: tmp_path / "full{fold}.csv", 0.5: tmp_path / "half{fold}.csv"}
    full, half = outcomes_of(read_predictions(source, "Supervised"))
    assert (full.fraction, half.fraction) == (1.0, 0.5)
    np.testing.assert_array_equal(full.folds, whole["fold"].to_numpy()[None])


def test_each_seed_may_have_folds_of_its_own(tmp_path):
    dealt = {0: [0, 0, 0, 0, 1, 1, 1, 1], 4: [0, 1, 0, 1, 0, 1, 0, 1]}
    for seed, folds in dealt.items():
        for fold in (0, 1):
            rows = table(fold=folds)[np.equal(folds, fold)].drop(columns="fold").assign(seed=99)
            rows.to_csv(tmp_path / f"seed{seed}_fold{fold}.csv", index=False)
    (outcome,) = outcomes_of(read_predictions(tmp_path / "seed{seed}_fold{fold}.csv", "a"))
    assert outcome.seeds == (0, 4) and outcome.redealt
    np.testing.assert_array_equal(outcome.folds, list(dealt.values()))
    baseline = majority_baseline(outcome)
    frequency = [outcome.labels[folds != fold].mean() for folds in outcome.folds for fold in (0, 1)]
    np.testing.assert_allclose(baseline.probabilities[0, :, 1], np.repeat(frequency[:2], 4))
    np.testing.assert_allclose(baseline.probabilities[1, :, 1], np.tile(frequency[2:], 4))


def test_seeds_stand_apart():
    found = pd.concat([table(seed=s, set="a", fraction=1.0, score=float(s)) for s in (3, 1)]).sample(
        frac=1, random_state=0
    )
    (outcome,) = outcomes_of(found)
    assert outcome.seeds == (1, 3)
    np.testing.assert_array_equal(outcome.scores, np.repeat([[1.0], [3.0]], 8, axis=1))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"prediction": 2}, "subject 00: prediction is 2"),
        ({"label": 5}, "subject 00: label is 5"),
        ({"probability_1": 0.9}, "subject 00: probabilities do not add up"),
    ],
)
def test_values_that_cannot_be_are_listed(tmp_path, change, message):
    table(**change).to_csv(tmp_path / "p.csv", index=False)
    with pytest.raises(InputError, match=message):
        read_predictions(tmp_path / "p.csv", "a")


def test_an_absent_column_is_named(tmp_path):
    table().drop(columns="label").to_csv(tmp_path / "p.csv", index=False)
    with pytest.raises(InputError, match="no column label"):
        read_predictions(tmp_path / "p.csv", "a")


def test_methods_must_judge_the_same_subjects_once():
    a = table(set="a", fraction=1.0, seed=0)
    with pytest.raises(InputError, match=r"predictions of b .*: 2 subjects are not also those of a: 06, 07"):
        outcomes_of(pd.concat([a, a.head(6).assign(set="b")]))
    with pytest.raises(InputError, match=r"more than one per subject \(.* need a column row\): 00, 01"):
        outcomes_of(pd.concat([a, a.head(2)]))
    with pytest.raises(InputError, match="more than one per image: 01"):
        outcomes_of(pd.concat([a.assign(row=range(8)), a.assign(row=[9, 1, *range(10, 16)])]))
    with pytest.raises(InputError, match="the label of 00 differs"):
        outcomes_of(pd.concat([a, a.assign(set="b", label=1 - a["label"])]))
    with pytest.raises(InputError, match="seeds differ in the label of 07"):
        outcomes_of(pd.concat([a, a.assign(seed=1, label=a["label"].where(a["subject"] != "07", 0))]))


def test_the_majority_baseline_says_what_is_most_frequent_in_the_other_folds():
    labels = np.array([0, 0, 0, 1, 1, 1, 0, 1])
    frame = table(set="a", fraction=1.0, seed=0).assign(label=labels, fold=[0, 0, 0, 0, 1, 1, 1, 1])
    baseline = majority_baseline(outcomes_of(frame)[0])
    np.testing.assert_array_equal(baseline.predictions[0], [1, 1, 1, 1, 0, 0, 0, 0])
    np.testing.assert_array_equal(baseline.probabilities[0, 0], [0.25, 0.75])
