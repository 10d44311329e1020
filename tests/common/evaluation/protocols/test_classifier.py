from __future__ import annotations

import warnings

import numpy as np
import pytest
from sklearn.model_selection import GridSearchCV, StratifiedShuffleSplit

from common.errors import InputError
from common.evaluation import fit_probe, linear_classifier

GRID = [1e-3, 1e-2, 1e-1, 1.0]


def data(n: int = 60, classes: int = 2, strength: float = 1.0, seed: int = 0):
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % classes
    return rng.normal(size=(n, 12)) + strength * np.eye(12)[labels] * 2, labels


@pytest.mark.parametrize(("kind", "step"), [("svm", "svc"), ("logistic", "logisticregression")])
def test_the_penalty_is_the_one_a_grid_search_on_that_split_would_choose(kind, step):
    features, labels = data(strength=0.4)
    features[3, 2] = np.nan
    for seed in range(4):
        split = StratifiedShuffleSplit(1, test_size=0.2, random_state=seed)
        pipeline = linear_classifier(kind)
        search = GridSearchCV(pipeline, {f"{step}__C": GRID}, scoring="balanced_accuracy", cv=split)
        search.fit(features, labels)
        probe = fit_probe(features, labels, c_grid=GRID[::-1], classifier=kind, seed=seed)
        assert probe.c == search.best_params_[f"{step}__C"]
        np.testing.assert_array_equal(probe.decide(features)[0], search.predict(features))


def test_missing_and_constant_features_change_nothing_and_raise_no_warning():
    features, labels = data()
    useless = np.column_stack([features, np.full(60, np.nan), np.full(60, 7.0)])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        plain, padded = (fit_probe(x, labels, c_grid=GRID).decide(x) for x in (features, useless))
    for one, other in zip(plain, padded, strict=True):
        np.testing.assert_allclose(one, other)


@pytest.mark.parametrize("kind", ["svm", "logistic"])
@pytest.mark.parametrize("positive", [0, 1])
def test_a_score_is_the_distance_to_the_plane_and_its_sign_the_decision(positive, kind):
    features, labels = data(strength=0.5)
    probe = fit_probe(features, labels, c_grid=GRID, classifier=kind)
    predictions, scores, probabilities = probe.decide(features, positive)
    np.testing.assert_array_equal(predictions == positive, scores > 0)
    svm = probe.pipeline[-1]
    prepared = probe.pipeline[:-1].transform(features)
    distance = (prepared @ svm.coef_[0] + svm.intercept_) / np.sqrt(np.sum(svm.coef_**2))
    np.testing.assert_allclose(scores, distance if positive else -distance)
    np.testing.assert_allclose(probabilities.sum(1), 1)


@pytest.mark.parametrize("kind", ["svm", "logistic"])
def test_three_classes_have_three_scores(kind):
    features, labels = data(classes=3)
    predictions, scores, probabilities = fit_probe(features, labels, c_grid=GRID, classifier=kind).decide(features)
    assert scores.shape == probabilities.shape == (60, 3)
    assert (predictions == labels).mean() > 0.8


def test_balanced_weights_do_not_give_up_the_rare_class():
    features, labels = data(n=100, strength=0.6)
    rare = np.flatnonzero((labels == 0) | (np.arange(100) % 10 == 1))
    found = {
        weight: (fit_probe(features[rare], labels[rare], c_grid=[1e-3], class_weight=weight).decide(features)[0]).mean()
        for weight in ("balanced", None)
    }
    assert found["balanced"] > found[None]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("select", [None, 2])
@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("kind", ["svm", "logistic"])
def test_collapsed_features_give_every_subject_one_score_and_about_the_frequencies_of_the_classes(
    kind, classes, select
):
    labels = np.arange(60) % 6 % classes
    probe = fit_probe(np.ones((60, 4)), labels, c_grid=GRID, classifier=kind, select=select)
    predictions, scores, probabilities = probe.decide(np.random.default_rng(0).normal(size=(5, 4)))
    assert len(set(predictions)) == 1 and (scores == 0).all()
    np.testing.assert_allclose(probabilities, np.full((5, classes), 1 / classes), atol=0.1)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("kind", ["svm", "logistic"])
def test_features_that_vary_in_one_subject_alone_are_constant_in_most_splits_and_can_be_fitted(kind):
    features, labels = np.zeros((20, 3)), np.arange(20) % 2
    features[7, 1] = 1.0
    _, scores, probabilities = fit_probe(features, labels, c_grid=GRID, classifier=kind).decide(features)
    assert np.isfinite(scores).all() and np.isfinite(probabilities).all()


def test_features_without_a_value_and_a_class_of_one_are_errors():
    with pytest.raises(InputError, match="no feature has a value"):
        fit_probe(np.full((10, 3), np.nan), np.arange(10) % 2, c_grid=GRID)
    with pytest.raises(InputError, match=r"\[9, 1\] training subjects per class"):
        fit_probe(np.random.default_rng(0).normal(size=(10, 3)), (np.arange(10) == 0).astype(int), c_grid=GRID)


@pytest.mark.parametrize("number", [1, 3, 50])
def test_the_selected_features_are_those_of_the_largest_f_among_the_training_subjects(number):
    features, labels = data(n=60, classes=3)
    probe = fit_probe(features, labels, c_grid=[0.1], classifier="logistic", select=number)
    groups = [features[labels == label] for label in range(3)]
    means, everywhere = [group.mean(0) for group in groups], features.mean(0)
    between = sum(len(g) * (m - everywhere) ** 2 for g, m in zip(groups, means, strict=True)) / 2
    within = sum(((g - m) ** 2).sum(0) for g, m in zip(groups, means, strict=True)) / (60 - 3)
    expected = np.argsort(-between / within)[:number]
    assert probe.pipeline[-1].coef_.shape == (3, min(number, 12))
    assert sorted(np.flatnonzero(probe.pipeline[-2].get_support())) == sorted(expected)
