from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import numpy as np
import pytest
from scipy.special import softmax

from common.errors import InputError
from common.evaluation.reports.calibration_report import write_calibration
from common.evaluation.statistics.calibration import cross_fit
from common.evaluation.statistics.calibration_rows import CalibrationRows
from common.evaluation.statistics.calibration_summary import judge_calibration
from tests.common.evaluation.statistics.test_calibration import cases
from tests.common.evaluation.statistics.test_metrics import naive


def held_out(tmp_path: Path, n: int = 120, images: int = 1) -> CalibrationRows:
    """Predictions of a network that is too sure, of ``n`` subjects with as many images each."""
    labels, logits = cases(2, n)
    labels, probabilities = np.repeat(labels, images), np.repeat(softmax(logits, axis=1), images, axis=0)
    subjects, parts = np.repeat([f"s{i:03d}" for i in range(n)], images), np.repeat(np.arange(n) % 4, images)
    file = tmp_path / "fold0/predictions.csv"
    file.parent.mkdir(exist_ok=True)
    file.write_text("subject\n")
    return CalibrationRows((file,), subjects, labels, probabilities, parts, "fold")


def test_errors_and_accuracies_are_those_of_cases_that_the_fit_has_not_seen(tmp_path):
    rows = held_out(tmp_path)
    found = judge_calibration(rows, 0.9, resamples=50).summary
    unseen, called = cross_fit(rows.labels, rows.probabilities, rows.parts, 0.9)
    for name, probabilities in (("before", rows.probabilities), ("after", unseen)):
        expected = naive(rows.labels, probabilities.argmax(1), probabilities, probabilities)["calibration_error"]
        assert found["expected_calibration_error"][name] == pytest.approx(expected)
    assert found["expected_calibration_error"]["after"] < found["expected_calibration_error"]["before"]
    assert found["negative_log_likelihood"]["after"] < found["negative_log_likelihood"]["before"]
    assert found["coverage"] == called.mean() and 0 < found["coverage"] < 1
    assert found["accuracy_of_calls"] == (unseen.argmax(1) == rows.labels)[called].mean()
    assert found["accuracy_of_calls"] > found["accuracy"]


def test_intervals_hold_their_values_and_narrow_with_the_number_of_subjects(tmp_path):
    widths = {}
    for n in (60, 600):
        found = judge_calibration(held_out(tmp_path, n), 0.9, resamples=200).summary
        for name in ("temperature", "coverage", "accuracy_of_calls"):
            low, high = found["intervals"][name]
            assert low <= found[name] <= high
            widths[n, name] = high - low
    for name in ("temperature", "coverage", "accuracy_of_calls"):
        assert widths[600, name] < 0.6 * widths[60, name]


def test_intervals_are_over_subjects_however_many_images_they_have(tmp_path):
    one, five = (judge_calibration(held_out(tmp_path, images=images), 0.9, resamples=200).summary for images in (1, 5))
    assert (one["num_images"], five["num_images"]) == (120, 600) and one["num_subjects"] == five["num_subjects"] == 120
    for name in ("temperature", "coverage", "accuracy_of_calls"):
        np.testing.assert_allclose(five["intervals"][name], one["intervals"][name], rtol=1e-9)


def test_no_target_calls_everything(tmp_path):
    found = judge_calibration(held_out(tmp_path), resamples=20).summary
    assert (found["threshold"], found["coverage"]) == (0, 1) and found["accuracy_of_calls"] == found["accuracy"]


def test_accuracy_rises_where_fewer_are_called(tmp_path):
    judged = judge_calibration(held_out(tmp_path, 600), resamples=50)
    all_called, half = judged.accuracy_of_most_confident([1.0, 0.5])
    assert (all_called["coverage"], all_called["threshold"]) == (1, 0)
    assert half["coverage"] == pytest.approx(0.5) and half["accuracy"] > all_called["accuracy"]
    assert half["interval"][0] <= half["accuracy"] <= half["interval"][1]


def test_the_files_say_what_was_found_and_hold_no_path_of_this_machine(tmp_path):
    rows = held_out(tmp_path)
    judged = judge_calibration(rows, 0.9, resamples=20)
    output = tmp_path / "out/calibration.json"
    assert write_calibration(judged, output) == json.loads(output.read_text()) == judged.summary
    names = ["calibration.json", "calibration.md", "calibration_reliability.png", "calibration_risk_coverage.png"]
    assert sorted(path.name for path in output.parent.iterdir()) == names
    page = output.with_suffix(".md").read_text()
    assert f"| Temperature | {judged.summary['temperature']:.3f} (" in page and "| 50% |" in page
    for name in names[2:]:
        assert f"]({name})" in page and (output.parent / name).read_bytes().startswith(b"\x89PNG")
    assert list(judged.summary["predictions"]) == ["predictions.csv"] and str(tmp_path) not in page + output.read_text()


@pytest.mark.parametrize(
    ("answers", "message"),
    [
        ("right", "all 120 images are right, or all but a few with low confidence"),
        ("wrong", "the confidence in 120 images does not depend on being right"),
    ],
)
def test_a_temperature_that_runs_away_is_refused(tmp_path, answers, message):
    rows = held_out(tmp_path)
    likeliest = rows.probabilities.argmax(1)
    rows = dataclasses.replace(rows, labels=likeliest if answers == "right" else 1 - likeliest)
    with pytest.raises(InputError, match=message):
        judge_calibration(rows, resamples=20)


@pytest.mark.parametrize("target", [0.0, 1.2, float("nan")])
def test_a_target_that_is_no_accuracy_is_refused(tmp_path, target):
    with pytest.raises(InputError, match=r"target_accuracy: .*; expected a share above 0 and up to 1"):
        judge_calibration(held_out(tmp_path), target)
