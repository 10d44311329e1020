from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from common.data import keep_label_fraction
from common.errors import InputError
from common.evaluation import LinearProbe
from common.feature_table import read_table, write_table


@pytest.fixture
def run(tmp_path):
    """Run a probe and give its metrics by set and fraction, and its predictions."""

    def run(sets, **options):
        fast = {"c_grid": [0.01, 1.0], "resamples": 200, "figures": False, "num_workers": 1, "progress": False}
        summary = LinearProbe(sets, tmp_path / "out", **{**fast, **options}).run()
        metrics = {(entry["set"], entry["fraction"]): entry["metrics"] for entry in summary["results"]}
        return metrics, pd.read_csv(tmp_path / "out" / "predictions.csv")

    return run


def test_separable_classes_are_reported_apart_and_noise_is_not(make_table, run):
    good, noise = make_table("good", n=80, strength=6.0), make_table("noise", n=80, seed=3)
    found, _ = run({"good": [good], "noise": [noise], "both": [good, noise]})
    for name in ("good", "both"):
        assert found[name, 1.0]["auc"]["value"] == 1 and found[name, 1.0]["balanced_accuracy"]["value"] == 1
        assert found[name, 1.0]["calibration_error"]["value"] < 0.1
    assert found["noise", 1.0]["auc"]["low"] < 0.5 < found["noise", 1.0]["auc"]["high"]


def test_three_classes_are_reported_apart(make_table, run):
    def apart(table: pd.DataFrame) -> pd.DataFrame:
        return table.assign(**{f"a_00{k}": table[f"a_00{k}"] + 6 * (table["label"] == k) for k in range(3)})

    found, predictions = run({"a": [make_table("a", n=60, classes=3, edit=apart)]}, classes=["I", "II", "III"])
    assert found["a", 1.0]["accuracy"]["value"] == 1 == found["a", 1.0]["minor_class_accuracy"]["value"]
    assert {"score_2", "probability_2"} <= set(predictions.columns)


def test_an_absurd_value_of_a_held_out_subject_moves_no_other_prediction_of_its_fold(make_table, run):
    path = make_table("a", n=60, strength=0.7)
    _, before = run({"a": [path]})
    table = read_table(path)
    subject = table.loc[table["fold"] == 2, "subject"].iloc[0]
    table.loc[table["subject"] == subject, "a_000"] = 1e12
    write_table(table, path)
    _, after = run({"a": [path]})
    same = (before["fold"] == 2) & (before["subject"] != subject)
    assert same.sum() == 11
    pd.testing.assert_frame_equal(before[same], after[same], check_exact=True)
    assert not before[before["fold"] != 2].equals(after[after["fold"] != 2])


def test_shuffled_labels_teach_nothing(make_table, run, tmp_path):
    table = make_table("a", n=80, strength=6.0)
    found, _ = run({"a": [table]}, shuffle_labels=True, seeds=[0, 1, 2])
    assert 0.3 < found["a", 1.0]["auc"]["value"] < 0.7
    assert "Negative control" in (tmp_path / "out" / "report.md").read_text()


def test_every_subject_is_judged_once_per_seed_and_fraction_by_a_probe_that_did_not_see_it(make_table, run):
    _, predictions = run({"a": [make_table("a")]}, label_fractions=[1.0, 0.5], seeds=[0, 7])
    assert len(predictions) == 40 * 4
    assert (predictions.groupby(["fraction", "seed"])["subject"].nunique() == 40).all()


def test_each_fold_uses_the_encoder_that_did_not_see_it(make_table, run, tmp_path):
    """Features hold the answer except for the held-out fold: a probe that read another fold's file would know it."""
    for fold in range(5):

        def spoil(table: pd.DataFrame, fold: int = fold) -> pd.DataFrame:
            known = np.where(table["fold"] == fold, 0, 10 * table["label"])
            return table.assign(x=known + np.random.default_rng(fold).normal(size=len(table)))

        make_table(f"f{fold}", edit=lambda t, s=spoil: s(t)[["subject", "fold", "label", "x"]])
    leaky, _ = run({"one encoder": [tmp_path / "f0.csv"]})
    honest, _ = run({"per fold": [tmp_path / "f{fold}.csv"]})
    assert leaky["one encoder", 1.0]["auc"]["value"] > 0.85
    assert honest["per fold", 1.0]["auc"]["value"] < 0.75


def test_each_seed_has_the_tables_and_folds_of_its_own(make_table, run, tmp_path):
    """Features hold the answer but for the seed's own held-out fold: with another seed's table it would be known."""
    for seed in (0, 6):
        dealt = np.random.default_rng(seed).permutation(np.repeat(np.arange(5), 8))
        for fold in range(5):

            def spoil(table: pd.DataFrame, fold: int = fold, dealt: np.ndarray = dealt) -> pd.DataFrame:
                x = np.where(dealt == fold, 0, 10 * table["label"]) + np.random.default_rng(fold).normal(
                    size=len(table)
                )
                return table[["subject", "label"]].assign(fold=dealt, x=x)

            make_table(f"seed{seed}_fold{fold}", edit=spoil)
    found, predictions = run({"a": [tmp_path / "seed{seed}_fold{fold}.csv"]}, seeds=[0, 6])
    assert found["a", 1.0]["auc"]["value"] < 0.75 and found["a", 1.0]["auc"]["std_over_seeds"] > 0
    folds = {seed: part.sort_values("subject")["fold"].tolist() for seed, part in predictions.groupby("seed")}
    assert folds[0] != folds[6] and folds[6] == read_table(tmp_path / "seed6_fold0.csv")["fold"].tolist()
    assert "5 folds, different for each seed" in (tmp_path / "out" / "report.md").read_text()


def test_logistic_regression_is_fitted_and_named_in_the_report(make_table, run, tmp_path):
    sets = {"a": [make_table("a", n=60, strength=1.0)]}
    _, svm = run(sets)
    found, logistic = run(sets, classifier="logistic")
    assert found["a", 1.0]["auc"]["value"] > 0.7 and not svm["score"].equals(logistic["score"])
    text = (tmp_path / "out" / "report.md").read_text()
    assert "Logistic regression, class weight balanced" in text and "SVM" not in text


def test_without_feature_sets_the_report_is_of_the_other_predictions(make_table, run, tmp_path):
    table = read_table(make_table("a"))[["subject", "fold", "label"]]
    known = table.assign(prediction=table["label"], probability_0=1.0 - table["label"])
    known.assign(probability_1=table["label"].astype(float)).to_csv(tmp_path / "network.csv", index=False)
    found, predictions = run({}, extra_predictions={"MCL + CGC": tmp_path / "network.csv"}, transductive=True)
    assert list(found) == [("MCL + CGC", 1.0)] and len(predictions) == 40
    assert "Pre-training was **transductive**" in (tmp_path / "out" / "report.md").read_text()
    with pytest.raises(InputError, match="feature_sets: empty"):
        LinearProbe({}, tmp_path / "out")


@pytest.mark.slow
def test_one_and_two_workers_predict_the_same(make_table, run):
    sets = {"a": [make_table("a", strength=0.5)]}
    _, one = run(sets)
    _, two = run(sets, num_workers=2)
    pd.testing.assert_frame_equal(one, two, check_exact=True)


def test_label_fractions_are_nested_and_those_of_a_supervised_network(make_table, tmp_path):
    probe = LinearProbe({"a": [make_table("a", n=80)]}, tmp_path / "out", label_fractions=[1.0, 0.5, 0.25], seeds=[3])
    cohort = probe.sets[3].cohort
    rows = {fraction: probe._training_rows(fraction, seed=3, fold=1) for fraction in (1.0, 0.5, 0.25)}
    assert set(rows[0.25]) < set(rows[0.5]) < set(rows[1.0])
    assert (cohort.loc[rows[1.0], "fold"] != 1).all()
    assert cohort.loc[rows[0.5], "label"].value_counts().tolist() == [16, 16]
    network = keep_label_fraction(cohort[cohort["fold"] != 1].to_dict("records"), 0.5, seed=3)
    assert {row["subject"] for row in network} == set(cohort.loc[rows[0.5], "subject"])


def test_a_supervised_network_gets_its_row(make_table, run, tmp_path):
    table = read_table(make_table("a"))
    network = table[["subject", "fold", "label"]].assign(prediction=table["label"])
    network = network.assign(probability_0=1.0 - table["label"], probability_1=table["label"].astype(float))
    network.to_csv(tmp_path / "network.csv", index=False)
    found, _ = run({"a": [tmp_path / "a.csv"]}, extra_predictions={"Supervised": tmp_path / "network.csv"})
    assert found["Supervised", 1.0]["auc"]["value"] == 1
    assert "| Supervised | 1.000" in (tmp_path / "out" / "report.md").read_text()


@pytest.mark.parametrize(
    ("transductive", "path", "sentence"),
    [
        (True, "a.csv", "Pre-training was **transductive**"),
        (False, "a{fold}.csv", "Pre-training was per fold, without the held-out subjects: 3DSiam"),
        (False, "a.csv", "One table is used for all folds"),
    ],
)
def test_the_report_says_what_pre_training_saw(make_table, run, tmp_path, transductive, path, sentence):
    text = make_table("a").read_bytes()
    for fold in range(5):
        (tmp_path / f"a{fold}.csv").write_bytes(text)
    run({"3DSiam": [tmp_path / path]}, transductive=transductive)
    assert sentence in (tmp_path / "out" / "report.md").read_text()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"label_fractions": [1.5]}, "label_fractions: found 1.5"),
        ({"seeds": []}, r"seeds: found \[\]"),
        ({"c_grid": [0]}, r"c_grid: found \[0\]"),
        ({"positive": 2}, "positive: found 2"),
        ({"classifier": "tree"}, "classifier: found 'tree'; expected one of svm, logistic"),
        ({"validation_fraction": 1.0}, "validation_fraction: found 1.0"),
        ({"validation_fraction": 0.0}, "validation_fraction: found 0.0; expected more than 0, less than 1, as these"),
        ({"extra_predictions": {"a": "x.csv"}}, "extra_predictions: a is also a feature set"),
    ],
)
def test_bad_options_are_named(make_table, tmp_path, options, message):
    with pytest.raises(InputError, match=message):
        LinearProbe({"a": [make_table("a")]}, tmp_path / "out", **options)


def test_features_per_fold_are_not_transductive(make_table, tmp_path):
    make_table("a0")
    with pytest.raises(InputError, match=r"a.csv|no file for fold"):
        LinearProbe({"a": [tmp_path / "a{fold}.csv"]}, tmp_path / "out", transductive=True)
    for fold in range(1, 5):
        (tmp_path / f"a{fold}.csv").write_bytes((tmp_path / "a0.csv").read_bytes())
    with pytest.raises(InputError, match="transductive: true, but a has features per fold"):
        LinearProbe({"a": [tmp_path / "a{fold}.csv"]}, tmp_path / "out", transductive=True)


def test_a_collapsed_encoder_has_a_row_at_chance_and_a_note_beside_the_others(make_table, run, tmp_path, caplog):
    flat = make_table("flat", edit=lambda table: table.assign(**{f"flat_00{k}": 1.0 for k in range(6)}))
    found, _ = run({"3DSiam": [flat], "Trad. radiomics": [make_table("a", strength=6.0)]})
    assert found["3DSiam", 1.0]["auc"]["value"] == found["3DSiam", 1.0]["balanced_accuracy"]["value"] == 0.5
    assert found["Trad. radiomics", 1.0]["auc"]["value"] == 1
    note = "3DSiam: every feature is constant over the training subjects without fold 0, 1, 2, 3, 4"
    assert note in caplog.text and note in (tmp_path / "out/report.md").read_text()


def test_too_few_labels_are_named_and_nothing_is_written(make_table, run, tmp_path):
    with pytest.raises(InputError, match=r"probe: fraction 0.05 leaves \[1, 1\] training subjects per class"):
        run({"a": [make_table("a")]}, label_fractions=[0.05])
    assert not (tmp_path / "out").exists()


def test_subjects_without_radiomics_are_kept_with_the_medians_of_their_training_fold(make_table, run, caplog):
    def failed(table: pd.DataFrame) -> pd.DataFrame:
        gone = table["subject"] == "sub-005"
        values = table.filter(like="a_").mask(gone)
        return table.assign(**values, status=np.where(gone, "mask: empty", "ok"))

    _, predictions = run({"a": [make_table("a", strength=1.0, edit=failed)]})
    assert predictions["subject"].nunique() == 40 and predictions["score"].notna().all()
    assert "1 of 40 images lack features" in caplog.text


def test_metrics_are_plain_json_and_agree_with_the_table(make_table, run, tmp_path):
    run({"a": [make_table("a", strength=0.5)], "b": [make_table("b")]}, label_fractions=[1.0, 0.5], seeds=[0, 1])
    folder = tmp_path / "out"
    summary = json.loads((folder / "metrics.json").read_text(), parse_constant=pytest.fail)
    long = pd.read_csv(folder / "metrics.csv").set_index(["set", "fraction", "metric"])
    entry = summary["results"][1]
    assert entry["metrics"]["auc"]["value"] == long.loc[(entry["set"], entry["fraction"], "auc"), "value"]
    assert sorted(path.name for path in folder.iterdir()) == [
        "metrics.csv",
        "metrics.json",
        "predictions.csv",
        "report.md",
    ]
