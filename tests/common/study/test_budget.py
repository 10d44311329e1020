"""Epochs and methods that fit a budget."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from common.study.budget import LEAST_EPOCHS, Stage, duration_text, fit_budget, read_duration, total_seconds
from tests.common.study.builders import cost

STAGES = [
    Stage("report", "other", frozenset(), 1, seconds=10.0),
    Stage(
        "pre-training",
        "pretrain",
        frozenset({"se", "probe"}),
        5,
        1,
        images=100,
        final_images=125,
        epochs=20,
        cost=cost(),
    ),
    Stage("scratch", "train", frozenset({"scratch"}), 5, 1, images=80, final_images=100, epochs=10, cost=cost()),
    Stage("se", "train", frozenset({"se"}), 5, 1, images=80, final_images=100, epochs=10, cost=cost()),
]
METHODS = ("scratch", "se", "probe")


def test_seconds_of_a_run_are_its_steps_epochs_loading_and_predictions():
    found = Stage(
        **{"what": "x", "kind": "train", "methods": frozenset("a"), "runs": 1, "images": 25, "evaluated": 10},
        **{"validated": 5, "epochs": 3},
        cost=cost(2.0, 10, setup=7.0, load=0.1, epoch_end=1.0),
    )
    forward = 0.4 * 2.0 / 10  # seconds of an image
    assert found.one_run() == pytest.approx(7 + 0.1 * 40 + 3 * (3 * 2.0 + 1.0 + 5 * forward) + 10 * forward)


def test_a_study_is_all_runs_and_the_costliest_final_model():
    # scratch: 8 steps, 10 epochs, 5 runs; se: the same after 10 steps, 20 epochs, 5 runs
    # final, of all subjects: pre-training of 13 steps and se of 10
    assert total_seconds(STAGES, METHODS) == 10 + 5 * 80 + 5 * 200 + 5 * 80 + (260 + 100)
    assert total_seconds(STAGES, ["scratch"]) == 10 + 5 * 80 + 100


def test_without_a_budget_all_stays():
    found = fit_budget(STAGES, METHODS, None)
    assert (found.methods, found.dropped, found.epochs, found.fits) == (
        METHODS,
        {},
        {"pretrain": 20, "train": 10},
        True,
    )


def test_a_budget_shortens_all_epochs_in_proportion_before_it_leaves_a_method_out():
    found = fit_budget(STAGES, METHODS, 1200)
    assert found.dropped == {} and found.fits and found.seconds <= 1200
    assert found.epochs["pretrain"] == pytest.approx(2 * found.epochs["train"], abs=1)


TIGHT = [*STAGES, Stage("probes", "other", frozenset({"probe"}), 5, seconds=500.0)]


def test_the_last_methods_go_first_and_two_always_stay():
    found = fit_budget(TIGHT, METHODS, 1200)
    assert found.methods == ("scratch", "se") and list(found.dropped) == ["probe"] and found.fits
    none = fit_budget(STAGES, METHODS, 1.0)
    assert none.methods == ("scratch", "se") and not none.fits
    assert set(none.epochs.values()) == {LEAST_EPOCHS}


@pytest.mark.parametrize("place", range(3))
def test_the_reference_and_the_method_in_question_stay_wherever_they_are_in_the_list(place):
    methods = [name for name in METHODS if name != "se"]
    methods.insert(place, "se")
    found = fit_budget(TIGHT, methods, 1.0, kept=["scratch", "se"])
    assert set(found.methods) == {"scratch", "se"} and list(found.dropped) == ["probe"]
    assert list(found.methods) == [name for name in methods if name != "probe"]


def test_a_method_that_is_left_out_stays_in_the_budget_that_is_named_for_it():
    kept = ["scratch"]
    for name, needed in fit_budget(TIGHT, METHODS, 1.0, kept).dropped.items():
        assert name in fit_budget(TIGHT, METHODS, needed, kept).methods
        assert name not in fit_budget(TIGHT, METHODS, needed - 1, kept).methods


@given(st.floats(1, 5000), st.integers(1, 60), st.integers(1, 60))
def test_a_study_that_fits_is_within_the_budget_and_its_estimate_is_that_of_its_epochs(seconds, pretrain, train):
    epochs = {"pretrain": pretrain, "train": train}
    stages = [replace(stage, epochs=epochs.get(stage.kind, 0)) for stage in STAGES]
    found = fit_budget(stages, METHODS, seconds)
    shortened = [replace(stage, epochs=found.epochs.get(stage.kind, 0)) for stage in stages]
    assert found.seconds == pytest.approx(total_seconds(shortened, found.methods))
    assert found.fits == (found.seconds <= seconds)
    assert all(found.epochs[kind] <= full for kind, full in epochs.items())


@pytest.mark.parametrize(("text", "seconds"), [("90s", 90), ("30m", 1800), ("2h", 7200), ("1.5D", 129600)])
def test_durations(text, seconds):
    assert read_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "h", "2 weeks", "-1h", "-5m", "nan", "inf", "0", "5", "90", "nanh"])
def test_no_duration(text):
    with pytest.raises(ValueError):
        read_duration(text)


@pytest.mark.parametrize("text", ["90s", "4m", "90m", "2h", "3d", "0.5s"])
def test_a_duration_is_shown_as_it_is_typed(text):
    assert duration_text(read_duration(text)) == text
