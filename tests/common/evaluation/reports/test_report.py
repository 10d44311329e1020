from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats
from sklearn.metrics import (
    accuracy_score,
    balanced_accuracy_score,
    f1_score,
    precision_score,
    recall_score,
    roc_auc_score,
)

from common.errors import InputError
from common.evaluation import write_report


def predictions(name: str, strength: float, seed: int = 0, n: int = 60, **columns) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    labels = (np.arange(n) % 3 > 0).astype(int)
    score = strength * (labels - 0.5) + rng.normal(size=n)
    p = 1 / (1 + np.exp(-score))
    keys = {"subject": [f"s{i:02d}" for i in range(n)], "fold": np.arange(n) // 3 % 5, "label": labels}
    values = {"prediction": (p > 0.5).astype(int), "probability_0": 1 - p, "probability_1": p}
    return pd.DataFrame({**keys, "set": name, "fraction": 1.0, "seed": 0, **values, **columns})


def cells(text: str, row: str) -> list[str]:
    line = next(line for line in text.splitlines() if line.startswith(f"| {row} |"))
    return [cell.strip() for cell in line.split("|")[2:-1]]


def test_the_first_table_is_the_papers_table_2_with_the_majority_beside(tmp_path):
    table = pd.concat([predictions("Trad.", 1), predictions("3DSiam", 3, 1), predictions("3DSiam", 1, 2, fraction=0.5)])
    write_report(table, tmp_path, classes=["low", "high"], resamples=200, figures=False)
    text = (tmp_path / "report.md").read_text()
    first = predictions("Trad.", 1)
    sensitivity, specificity = (recall_score(first["label"], first["prediction"], pos_label=label) for label in (1, 0))
    found = cells(text, "Trad.")
    assert found[0].startswith(f"{sensitivity:.3f} (") and found[1].startswith(f"{specificity:.3f} (")
    assert found[2:] == ["-", "-"]  # no predictions with half of the labels
    assert cells(text, "*Majority class*")[:2] == ["1.000 (1.000-1.000)", "0.000 (0.000-0.000)"]
    assert "60 subjects (20 low, 40 high)" in text and "is right in 66.7% of these subjects" in text


def test_a_majority_that_changes_with_the_fold_has_a_note(tmp_path):
    table = predictions("a", 1)
    for fold, expected in ((table["fold"], False), (table["label"], True)):
        write_report(table.assign(fold=fold), tmp_path, resamples=20, figures=False)
        text = (tmp_path / "report.md").read_text()
        assert ("most frequent among the training subjects changes with the fold" in text) is expected


def test_methods_are_compared_with_the_first_and_the_best_each_pair_once(tmp_path):
    table = pd.concat([predictions("a", 0.5), predictions("b", 5, 1), predictions("c", 0.1, 2)])
    summary = write_report(table, tmp_path, resamples=200, figures=False)
    pairs = [(entry["set"], entry["reference"]) for entry in summary["comparisons"]]
    assert pairs == [("b", "a"), ("c", "a"), ("c", "b")]
    first = summary["comparisons"][0]
    a, b = (table[table["set"] == name] for name in "ab")
    expected = roc_auc_score(b["label"], b["probability_1"]) - roc_auc_score(a["label"], a["probability_1"])
    assert first["auc_difference"]["value"] == pytest.approx(expected)
    assert first["auc_difference"]["low"] > 0
    assert all(first[name] < 0.05 for name in ("delong_p", "mcnemar_p", "resampled_t_p"))


def test_methods_below_the_majority_are_named(tmp_path):
    write_report(predictions("weak", -1), tmp_path, resamples=100, figures=False)
    assert "Not more accurate than that: weak (100% labels)." in (tmp_path / "report.md").read_text()


def test_a_test_set_without_folds_is_reported_from_files(tmp_path):
    predictions("x", 2).drop(columns=["fold", "set", "fraction", "seed"]).to_csv(tmp_path / "p.csv", index=False)
    summary = write_report({"Supervised": tmp_path / "p.csv"}, tmp_path / "out", resamples=100, figures=False)
    assert [entry["set"] for entry in summary["results"]] == ["Supervised"] and summary["folds"] == 1
    assert "one test set" in (tmp_path / "out" / "report.md").read_text()


def test_several_seeds_are_reported_as_spread_not_as_interval(tmp_path):
    table = pd.concat([predictions("a", 1, seed).assign(seed=seed) for seed in range(3)])
    summary = write_report(table, tmp_path, resamples=100, figures=False)
    assert summary["results"][0]["seeds"] == [0, 1, 2]
    assert summary["results"][0]["metrics"]["auc"]["std_over_seeds"] > 0
    assert "which is no confidence interval: a 0." in (tmp_path / "report.md").read_text()


def test_methods_of_several_modalities_stand_side_by_side_and_the_others_below(tmp_path):
    names = ["SimSiam (T1)", "SimSiam (T2)", "SimSiam+ (T2)", "MCL + CGC"]
    parts = [predictions(n, k, 10 * k + s).assign(seed=s) for k, n in enumerate(names) for s in range(3)]
    write_report(
        pd.concat(parts), tmp_path, classes=["stage 1", "stage 2"], modalities=["T1", "T2"], resamples=50, figures=False
    )
    text = (tmp_path / "report.md").read_text().split("## Accuracy, precision, recall, F1")[1].split("## ")[0]

    def expected(name: str) -> list[str]:
        chosen = [part for part in parts if part["set"].iloc[0] == name]
        scores = (accuracy_score, precision_score, recall_score, f1_score)
        values = [[100 * score(part["label"], part["prediction"]) for part in chosen] for score in scores]
        return [f"{np.mean(found):.2f} ± {np.std(found, ddof=1):.2f}" for found in values]

    assert cells(text, "Method")[:5] == ["T1: Acc", "T1: Pre", "T1: Rec", "T1: F1", "T2: Acc"]
    assert cells(text, "SimSiam") == expected("SimSiam (T1)") + expected("SimSiam (T2)")
    assert cells(text, "SimSiam+") == ["-"] * 4 + expected("SimSiam+ (T2)")
    assert cells(text, "MCL + CGC") == expected("MCL + CGC")
    assert cells(text, "*Majority class*") == ["66.67", "66.67", "100.00", "80.00"] * 2
    assert "positive class, stage 2" in text and "no confidence interval" in text


def test_one_seed_of_no_modality_and_three_classes_have_no_table_of_means(tmp_path):
    write_report(predictions("a", 1), tmp_path, resamples=50, figures=False)
    assert "## Accuracy, precision" not in (tmp_path / "report.md").read_text()


def test_folds_of_several_seeds_are_repetitions_of_the_corrected_t_test(tmp_path):
    """By hand: the differences of all folds of all seeds, with the variance enlarged by n_test / n_train = 1 / 4."""
    parts = {}
    for name, strength in (("a", 0.5), ("b", 2.0)):
        for seed in range(3):
            folds = np.random.default_rng(seed).permutation(np.arange(60) // 3 % 5)
            parts[name, seed] = predictions(name, strength, seed + 10 * (name == "b"), fold=folds).assign(seed=seed)
    table = pd.concat(parts.values())
    summary = write_report(table, tmp_path, resamples=50, figures=False)
    differences = []
    for seed in range(3):
        for fold in range(5):
            a, b = (part[part["fold"] == fold] for part in (parts["a", seed], parts["b", seed]))
            scores = [balanced_accuracy_score(part["label"], part["prediction"]) for part in (a, b)]
            differences.append(scores[1] - scores[0])
    t = np.mean(differences) / np.sqrt((1 / 15 + 1 / 4) * np.var(differences, ddof=1))
    assert summary["redealt"] and summary["folds"] == 5
    assert summary["comparisons"][0]["resampled_t_p"] == pytest.approx(2 * stats.t.sf(abs(t), 14))
    assert summary["majority_class"]["accuracy"]["value"] == pytest.approx(2 / 3)


def test_methods_of_other_folds_are_not_compared_by_fold(tmp_path):
    table = pd.concat([predictions("a", 1), predictions("b", 2, 1, fold=np.arange(60) % 5)])
    (comparison,) = write_report(table, tmp_path, resamples=50, figures=False)["comparisons"]
    assert comparison["resampled_t_p"] is None and comparison["mcnemar_p"] is not None


def test_wrong_class_names_and_no_predictions_are_errors(tmp_path):
    with pytest.raises(InputError, match="probabilities of 2 classes; expected 3: a, b, c"):
        write_report(predictions("a", 1), tmp_path, classes=["a", "b", "c"])
    with pytest.raises(InputError, match="predictions: empty"):
        write_report({}, tmp_path)
