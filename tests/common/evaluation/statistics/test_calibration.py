from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy.special import softmax
from sklearn.calibration import _TemperatureScaling

from common.errors import InputError
from common.evaluation.statistics.calibration import (
    choose_threshold,
    cross_fit,
    fit_temperature,
    losses_over,
    with_temperature,
)
from common.networks import CalibratedSoftmax


def cases(classes: int = 3, n: int = 90, overconfidence: float = 3.0, seed: int = 0):
    """Labels drawn from a softmax, and the logits of a network that is surer than it may be."""
    rng = np.random.default_rng(seed)
    logits = 2 * rng.normal(size=(n, classes))
    labels = np.array([rng.choice(classes, p=row) for row in softmax(logits, axis=1)])
    return labels, overconfidence * logits


@pytest.mark.parametrize("classes", [2, 3, 5])
def test_the_temperature_has_the_smallest_likelihood_loss_and_is_that_of_scikit_learn(classes):
    labels, logits = cases(classes)
    found = fit_temperature(labels, softmax(logits, axis=1))
    losses = [
        np.mean([-np.log(softmax(row / value))[label] for row, label in zip(logits, labels, strict=True)])
        for value in (found * 0.98, found, found * 1.02)
    ]
    assert losses[1] == min(losses)
    assert found == pytest.approx(1 / _TemperatureScaling().fit(logits, labels).beta_, rel=1e-4)


def test_a_network_that_is_three_times_too_sure_gets_about_three():
    labels, logits = cases(n=5000)
    assert fit_temperature(labels, softmax(logits, axis=1)) == pytest.approx(3, rel=0.05)


def test_probabilities_do_as_well_as_the_logits_and_what_rounds_to_0_is_no_infinite_loss():
    _, logits = cases()
    expected = CalibratedSoftmax(1.7)(torch.from_numpy(logits))[:, :3]
    np.testing.assert_allclose(with_temperature(softmax(logits, axis=1), 1.7), expected)
    assert np.isfinite(losses_over([1], np.array([[1.0, 0.0]]), [0.0])).all()


def by_trying(labels, probabilities, target: float) -> float:
    """Share of cases that may be called, the most there are."""
    right, confidence = probabilities.argmax(1) == labels, probabilities.max(1)
    shares = [np.mean(confidence >= value) for value in confidence if right[confidence >= value].mean() >= target]
    return max(shares)


@pytest.mark.parametrize(
    ("target", "ties"), [(0.5, False), (0.8, False), (0.8, True), (0.9, False), (0.9, True), (1.0, False)]
)
def test_the_threshold_calls_as_many_cases_as_reach_the_target(target, ties):
    labels, logits = cases(2, seed=1)
    probabilities = softmax(logits, axis=1)
    if ties:
        probabilities = np.round(probabilities, 2)
    threshold = choose_threshold(labels, probabilities, target)
    called = probabilities.max(1) >= threshold
    assert called.mean() == by_trying(labels, probabilities, target)
    assert (probabilities.argmax(1) == labels)[called].mean() >= target
    assert np.abs(probabilities.max(1) - threshold).min() > 0  # between two cases: rounding decides nothing


def test_without_a_target_and_where_all_reach_it_nothing_is_left_uncalled():
    labels, logits = cases(2)
    assert choose_threshold(labels, softmax(logits, axis=1), None) == 0
    assert choose_threshold(labels, softmax(logits, axis=1), 0.01) == 0


def test_a_target_out_of_reach_is_reported_with_what_can_be_reached():
    probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.4, 0.6]])
    with pytest.raises(InputError, match=r"target_accuracy: 0.9; the 3 most confident of 4 cases reach at most 0.667"):
        choose_threshold(np.array([1, 0, 0, 0]), probabilities, 0.9)


def test_no_case_is_judged_by_a_fit_that_has_seen_it():
    labels, logits = cases(2, n=60)
    probabilities, parts = softmax(logits, axis=1), np.arange(60) % 3
    calibrated, called = cross_fit(labels, probabilities, parts, 0.9)
    for part in range(3):
        here = parts == part
        temperature = fit_temperature(labels[~here], probabilities[~here])
        expected = with_temperature(probabilities, temperature)
        threshold = choose_threshold(labels[~here], expected[~here], 0.9)
        np.testing.assert_array_equal(calibrated[here], expected[here])
        np.testing.assert_array_equal(called[here], expected[here].max(1) >= threshold)
    other = labels.copy()
    other[parts == 0] = 1 - other[parts == 0]
    np.testing.assert_array_equal(cross_fit(other, probabilities, parts, 0.9)[0][parts == 0], calibrated[parts == 0])


def test_a_part_is_not_called_where_the_others_reach_no_target():
    labels = np.array([0, 0, 0, 0, 1, 1])
    probabilities = np.array([[0.9, 0.1], [0.8, 0.2], [0.7, 0.3], [0.6, 0.4], [0.9, 0.1], [0.8, 0.2]])
    _, called = cross_fit(labels, probabilities, np.array([0, 0, 0, 0, 1, 1]), 0.9)
    assert called.tolist() == [False] * 4 + [True] * 2
