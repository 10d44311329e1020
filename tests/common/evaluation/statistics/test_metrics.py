from __future__ import annotations

import numpy as np
import pytest
from sklearn import metrics

from common.errors import InputError
from common.evaluation import classification_metrics
from common.evaluation.statistics.resampling import resample_counts, resampled_metrics


def case(classes: int, n: int = 60, seed: int = 0, ties: bool = False):
    rng = np.random.default_rng(seed)
    labels = np.sort(rng.integers(0, classes, n))
    probabilities = rng.dirichlet(np.ones(classes), n)
    if ties:
        probabilities = np.round(probabilities, 1)
        probabilities /= probabilities.sum(1, keepdims=True)
    return labels, probabilities.argmax(1), probabilities


def naive(labels, predictions, probabilities, scores):
    """The same metrics by scikit-learn, of one cohort."""
    classes = range(probabilities.shape[1])
    bins = np.minimum((probabilities.max(1) * 10).astype(int), 9)
    calibration = 0.0
    for one in np.unique(bins):
        here = bins == one
        right = (probabilities.argmax(1) == labels)[here].mean()
        calibration += here.mean() * abs(right - probabilities.max(1)[here].mean())
    return {
        "recall": metrics.recall_score(labels, predictions, labels=classes, average=None),
        "precision": metrics.precision_score(labels, predictions, labels=classes, average=None, zero_division=0),
        "f1": metrics.f1_score(labels, predictions, labels=classes, average=None),
        "accuracy": metrics.accuracy_score(labels, predictions),
        "balanced_accuracy": metrics.balanced_accuracy_score(labels, predictions),
        "auc": np.mean([metrics.roc_auc_score(labels == label, scores[:, label]) for label in classes]),
        "f1_macro": metrics.f1_score(labels, predictions, average="macro"),
        "f1_weighted": metrics.f1_score(labels, predictions, average="weighted"),
        "calibration_error": calibration,
        "brier": metrics.brier_score_loss(labels, probabilities, labels=list(classes)),
    }


@pytest.mark.parametrize("ties", [False, True])
@pytest.mark.parametrize("classes", [2, 3, 4])
def test_every_resample_has_the_metrics_of_a_cohort_drawn_that_way(classes, ties):
    labels, predictions, probabilities = case(classes, ties=ties)
    counts = resample_counts(labels, 5)
    found = resampled_metrics(counts, labels, predictions, probabilities, probabilities)
    for row, count in enumerate(counts.astype(int)):
        drawn = np.repeat(np.arange(len(labels)), count)
        expected = naive(labels[drawn], predictions[drawn], probabilities[drawn], probabilities[drawn])
        for name, value in expected.items():
            np.testing.assert_allclose(found[name][row], value, atol=1e-12, err_msg=name)


def test_resamples_keep_the_number_of_subjects_of_each_class():
    labels = np.array([0] * 7 + [1] * 30 + [2])
    counts = resample_counts(labels, 200)
    for label, number in enumerate([7, 30, 1]):
        assert (counts[:, labels == label].sum(1) == number).all()
    np.testing.assert_array_equal(counts, resample_counts(labels, 200))


@pytest.mark.parametrize("classes", [2, 3])
def test_values_are_those_of_scikit_learn_inside_their_intervals(classes):
    labels, predictions, probabilities = case(classes, 200)
    found = classification_metrics(labels, predictions, probabilities)
    expected = naive(labels, predictions, probabilities, probabilities)
    for name in set(expected) - {"recall", "precision", "f1"}:
        assert found[name].value == pytest.approx(expected[name], abs=1e-12)
    for name in set(found) - {"calibration_error"}:  # resampled calibration errors are biased upwards
        assert found[name].low <= found[name].value <= found[name].high


def test_sensitivity_is_the_recall_of_the_positive_class():
    labels, predictions = np.array([0, 0, 0, 0, 1, 1]), np.array([0, 0, 0, 1, 1, 0])
    probabilities = np.eye(2)[predictions]
    one, zero = (classification_metrics(labels, predictions, probabilities, positive=p) for p in (1, 0))
    assert (one["sensitivity"].value, one["specificity"].value) == (0.5, 0.75)
    assert (zero["sensitivity"].value, zero["specificity"].value) == (0.75, 0.5)


def test_precision_and_f1_are_those_of_the_positive_class():
    labels, predictions = np.array([0, 0, 0, 0, 1, 1]), np.array([0, 0, 0, 1, 1, 0])
    one, zero = (classification_metrics(labels, predictions, np.eye(2)[predictions], positive=p) for p in (1, 0))
    assert (one["precision"].value, one["f1"].value) == (0.5, 0.5)
    assert (zero["precision"].value, zero["f1"].value) == (0.75, 0.75)
    never = classification_metrics(labels, np.zeros(6, int), np.eye(2)[np.zeros(6, int)])
    assert (never["precision"].value, never["precision"].high, never["f1"].value) == (0, 0, 0)


@pytest.mark.parametrize("positive", [0, 1])
def test_a_score_ranks_for_the_positive_class(positive):
    labels = np.array([0, 0, 1, 1])
    probabilities = np.full((4, 2), 0.5)
    scores = np.array([-2, -1, 1, 2]) * (1 if positive else -1)
    found = classification_metrics(labels, labels, probabilities, scores, positive=positive)
    assert found["auc"].value == 1
    assert classification_metrics(labels, labels, probabilities, positive=positive)["auc"].value == 0.5


def test_minor_class_accuracy_is_the_recall_of_the_rarest_class():
    labels = np.array([0] * 6 + [1] * 3 + [2] * 18)
    predictions = labels.copy()
    predictions[7:9] = 2
    found = classification_metrics(labels, predictions, np.eye(3)[predictions])
    assert found["minor_class_accuracy"].value == pytest.approx(1 / 3)
    assert found["accuracy"].value == pytest.approx(25 / 27)
    assert not {"sensitivity", "precision", "f1"} & set(found)


def test_the_papers_specificity_has_the_interval_that_54_of_76_have():
    """METHODS.md: 0.711 is 54 of 76, 95 % interval 0.60-0.80."""
    labels = np.array([0] * 76 + [1] * 250)
    predictions = labels.copy()
    predictions[:22] = 1
    found = classification_metrics(labels, predictions, np.eye(2)[predictions])["specificity"]
    assert found.value == pytest.approx(54 / 76)
    assert found.low == pytest.approx(0.60, abs=0.02) and found.high == pytest.approx(0.80, abs=0.02)


def test_seeds_are_averaged_within_each_resample():
    labels, predictions, probabilities = case(2)
    flipped = 1 - predictions
    both = classification_metrics(labels, np.stack([predictions, flipped]), np.stack([probabilities] * 2))
    assert both["accuracy"].value == pytest.approx(0.5)
    assert both["accuracy"].low == pytest.approx(0.5) and both["accuracy"].high == pytest.approx(0.5)
    assert both["accuracy"].std_over_seeds > 0


def test_an_absent_class_is_an_error():
    with pytest.raises(InputError, match=r"no subject of class \[1\]"):
        classification_metrics([0, 2], [0, 2], np.full((2, 3), 1 / 3))
