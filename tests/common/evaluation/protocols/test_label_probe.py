from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import StratifiedKFold

from common.data import keep_label_fraction
from common.errors import InputError
from common.evaluation.protocols import label_probe
from common.evaluation.protocols.label_probe import fit_few_labels, predict_held_out


def rows(n: int = 60) -> list[dict]:
    return [{"subject": f"s{i:02d}", "label": i % 2, "fold": i // 2 % 3} for i in range(n)]


def write(path: Path, strength: float = 2.0, n: int = 60, features: int = 6) -> Path:
    x = np.random.default_rng(0).normal(size=(n, features))
    x[:, 0] += strength * (np.arange(n) % 2)
    table = pd.DataFrame(x, columns=[f"f{i}" for i in range(features)])
    table.insert(0, "subject", [row["subject"] for row in rows(n)])
    table.to_csv(path, index=False)
    return path


def test_the_prediction_is_that_of_a_logistic_regression_on_the_labelled_subjects_alone(tmp_path):
    found = predict_held_out(write(tmp_path / "a.csv", strength=5.0), rows(), 1, fraction=0.5, label_seed=3)
    x = pd.read_csv(tmp_path / "a.csv").set_index("subject")
    kept = keep_label_fraction([row for row in rows() if row["fold"] != 1], 0.5, 3)
    known, unknown = x.loc[[row["subject"] for row in kept]], x.loc[found["subject"]]
    mean, scale = known.mean(), known.std(ddof=0)
    model = LogisticRegression(C=found["c"][0], class_weight="balanced", max_iter=10_000)
    scaled, others = (((part - mean) / scale).clip(-3, 3).to_numpy() for part in (known, unknown))
    model.fit(scaled, [row["label"] for row in kept])
    expected = model.predict_proba(others)
    np.testing.assert_allclose(found[["probability_0", "probability_1"]], expected, atol=1e-6)
    assert found["subject"].tolist() == [row["subject"] for row in rows() if row["fold"] == 1]
    assert found["label"].tolist() == [row["label"] for row in rows() if row["fold"] == 1]
    assert roc_auc_score(found["label"], found["probability_1"]) > 0.8


def test_z_scores_are_those_of_the_decision_function_among_all_images_of_the_other_folds(tmp_path):
    found = predict_held_out(write(tmp_path / "a.csv"), rows(), 1, fraction=0.3, max_deviation=None)
    x = pd.read_csv(tmp_path / "a.csv").set_index("subject")
    kept = [row["subject"] for row in keep_label_fraction([row for row in rows() if row["fold"] != 1], 0.3, 0)]
    scaled = ((x - x.loc[kept].mean()) / x.loc[kept].std(ddof=0)).to_numpy()
    unseen = np.array([row["fold"] == 1 for row in rows()])
    model = LogisticRegression(C=found["c"][0], class_weight="balanced", max_iter=10_000)
    model.fit(scaled[x.index.isin(kept)], [row["label"] for row in rows() if row["subject"] in kept])
    decisions = model.decision_function(scaled)
    expected = (decisions[unseen] - decisions[~unseen].mean()) / decisions[~unseen].std()
    np.testing.assert_allclose(found["z_score_1"], expected, atol=1e-4)
    np.testing.assert_allclose(found["z_score_0"], -expected, atol=1e-4)


def test_z_scores_of_features_that_are_constant_are_zero(tmp_path):
    table = pd.read_csv(write(tmp_path / "a.csv"))[["subject"]].assign(f0=1.0)
    table.to_csv(tmp_path / "a.csv", index=False)
    found = predict_held_out(tmp_path / "a.csv", rows(), 1)
    assert (found[["z_score_0", "z_score_1"]] == 0).all(axis=None)


def test_a_feature_far_outside_the_labelled_images_does_not_decide_alone(tmp_path):
    table = pd.read_csv(write(tmp_path / "a.csv", strength=5.0))
    kept = {row["subject"] for row in keep_label_fraction([row for row in rows() if row["fold"] != 0], 0.3, 0)}
    hardly = np.random.default_rng(1).normal(scale=1e-6, size=len(table))
    table["f9"] = np.where(table["subject"].isin(kept), hardly, 1.0)  # a million standard deviations away
    table.to_csv(tmp_path / "a.csv", index=False)
    areas = {
        limit: roc_auc_score(found["label"], found["probability_1"])
        for limit in (3.0, None)
        for found in [predict_held_out(tmp_path / "a.csv", rows(), 0, fraction=0.3, max_deviation=limit)]
    }
    assert areas[3.0] > 0.9 > 0.6 > areas[None]
    found = predict_held_out(tmp_path / "a.csv", rows(), 0, fraction=0.3, max_deviation=None)
    assert np.isfinite(found[["z_score_0", "z_score_1"]]).all(axis=None)  # where probabilities are 0 and 1


def test_nothing_is_fitted_on_a_held_out_or_unlabelled_subject(tmp_path):
    table = pd.read_csv(write(tmp_path / "a.csv"))
    kept = {row["subject"] for row in keep_label_fraction([row for row in rows() if row["fold"] != 0], 0.3, 0)}
    first = predict_held_out(tmp_path / "a.csv", rows(), 0, fraction=0.3, scaling=tmp_path / "first.json")
    changed = table["subject"] == "s00"  # held out
    table.loc[~table["subject"].isin(kept) & ~changed, "f0":] *= 100
    table.to_csv(tmp_path / "b.csv", index=False)
    others = [{**row, "label": 1 - row["label"]} if row["fold"] == 0 else row for row in rows()]
    second = predict_held_out(tmp_path / "b.csv", others, 0, fraction=0.3, scaling=tmp_path / "second.json")
    assert (tmp_path / "first.json").read_text() == (tmp_path / "second.json").read_text()
    columns = ["c", "probability_0"]
    assert first.loc[first["subject"] == "s00", columns].equals(second.loc[second["subject"] == "s00", columns])


def test_the_penalty_is_the_one_with_the_least_log_loss_on_subjects_left_out():
    rng = np.random.default_rng(1)
    labels = np.repeat([0, 1], [12, 8])
    x = rng.normal(size=(20, 5)) + labels[:, None] * np.array([1.0, 0, 0, 0, 0])
    grid = [1e-3, 0.3, 100.0]
    losses = []
    for c in grid:
        folds = StratifiedKFold(5, shuffle=True, random_state=4).split(x, labels)
        model = LogisticRegression(C=c, class_weight="balanced", max_iter=10_000)
        parts = [(labels[out], model.fit(x[fit], labels[fit]).predict_proba(x[out])) for fit, out in folds]
        losses.append(np.mean([log_loss(y, p, labels=[0, 1]) for y, p in parts]))
    assert grid[int(np.argmin(losses))] == fit_few_labels(x, labels, np.arange(20), c_grid=grid, seed=4).C


@pytest.mark.parametrize("classes", [2, 3])
def test_one_subject_of_each_class_is_enough(classes):
    labels = np.arange(classes)
    found = fit_few_labels(3.0 * np.eye(classes), labels, labels)
    assert found.predict(3.0 * np.eye(classes)).tolist() == labels.tolist() and found.C == 1e-2


def test_images_of_a_subject_all_train_are_held_out_together_and_all_predicted(tmp_path, monkeypatch):
    table = pd.read_csv(write(tmp_path / "a.csv"))
    twins = pd.concat([table.assign(row=range(60)), table.assign(f0=table["f0"] + 0.1, row=range(60, 120))])
    twins.sample(frac=1, random_state=0).to_csv(tmp_path / "b.csv", index=False)
    images = [{**row, "row": place} for place, row in enumerate([*rows(), *rows()])]
    seen = {}

    class Search(label_probe.GridSearchCV):
        def fit(self, x, y):
            seen.update(x=x, splits=self.cv)
            return super().fit(x, y)

    monkeypatch.setattr(label_probe, "GridSearchCV", Search)
    found = predict_held_out(tmp_path / "b.csv", images, 0, fraction=0.5, max_deviation=None)
    expected = [(row["subject"], row["row"], row["label"]) for row in images if row["fold"] == 0]
    assert list(found[["subject", "row", "label"]].itertuples(index=False, name=None)) == expected
    assert len(seen["x"]) == 2 * 20 and found["probability_0"][:20].ne(found["probability_0"][20:].to_numpy()).all()
    _, names = np.unique(seen["x"][:, 1:], axis=0, return_inverse=True)  # twins differ in the first feature alone
    assert len(set(names)) == 20
    for fitting, left_out in seen["splits"]:
        assert not set(names[fitting]) & set(names[left_out]) and len(fitting) + len(left_out) == 40


def test_several_visits_of_a_subject_are_one_row_of_features(tmp_path):
    visits = [row for row in rows() for _ in range(2)]
    path = write(tmp_path / "a.csv")
    assert predict_held_out(path, visits, 2, fraction=0.5).equals(predict_held_out(path, rows(), 2, fraction=0.5))


def test_features_that_say_nearly_the_same_are_dropped_where_asked(tmp_path):
    table = pd.read_csv(write(tmp_path / "a.csv"))
    table.assign(f6=3 * table["f0"] + 1).to_csv(tmp_path / "b.csv", index=False)
    predict_held_out(tmp_path / "b.csv", rows(), 0, max_correlation=0.9, scaling=tmp_path / "scaling.json")
    assert json.loads((tmp_path / "scaling.json").read_text())["columns"] == [f"f{i}" for i in range(6)]


def test_features_of_a_collapsed_encoder_predict_all_subjects_alike_with_a_warning(tmp_path, caplog):
    path = tmp_path / "a.csv"
    pd.read_csv(write(path)).assign(**{f"f{i}": 1.0 for i in range(6)}).to_csv(path, index=False)
    found = predict_held_out(path, rows(), 0, scaling=tmp_path / "scaling.json")
    np.testing.assert_allclose(found.filter(like="probability_"), 1 / found.filter(like="probability_").shape[1])
    assert f"{path}: every feature is constant over" in caplog.text and not (tmp_path / "scaling.json").exists()


@pytest.mark.parametrize(
    ("edit", "message"),
    [
        (lambda t: t.iloc[2:], "lacks 2 of 60 labelled subjects: s00, s01; extract them again"),
        (lambda t: t.assign(row=[1, *range(1, 60)]), "lacks 1 of 60 labelled images, of s00; extract them again"),
        (lambda t: pd.concat([t, t[3:5]]), "s03, s04 listed twice; expected one line for each subject"),
        (lambda t: t[["subject"]], "no feature; expected columns beside subject"),
        (lambda t: t.assign(f1=np.inf), "infinite values in f1"),
    ],
)
def test_a_table_that_cannot_be_learnt_from_is_one_line(tmp_path, edit, message):
    path = tmp_path / "a.csv"
    edit(pd.read_csv(write(path))).to_csv(path, index=False)
    with pytest.raises(InputError, match=message) as error:
        predict_held_out(path, [{**row, "row": place} for place, row in enumerate(rows())], 0)
    assert str(error.value).startswith(str(path)) and "\n" not in str(error.value)


@pytest.mark.parametrize("c", [0.01, 1.0])
def test_a_classifier_of_more_features_than_images_is_that_of_all_features(c):
    rng = np.random.default_rng(0)
    x, labels = rng.normal(size=(30, 400)), np.arange(30) % 2
    x[:, 0] += labels
    found = fit_few_labels(x, labels, np.arange(30), c_grid=[c])
    naive = LogisticRegression(C=c, class_weight="balanced", max_iter=10_000, tol=1e-10).fit(x, labels)
    others = rng.normal(size=(50, 400))
    np.testing.assert_allclose(found.decision_function(others), naive.decision_function(others), atol=1e-2)
    assert found.coef_.shape == (1, 400)
