from __future__ import annotations

import itertools

import pytest

from common.benchmark import processes_table, sweep, sweep_table


class Stages:
    """Each call takes a second of a clock that ticks whenever it is read."""

    def measure(self) -> None:
        self.predict()

    def preprocess(self) -> None:
        self.predict()

    def predict(self) -> None:
        self.layer()

    def layer(self) -> None:
        self.preprocess_again()

    def preprocess_again(self) -> None:
        pass

    def fail(self) -> None:
        raise ValueError


@pytest.fixture
def ledger(monkeypatch):
    """A ledger whose clock advances by a second with each reading."""
    ticks = itertools.count(1.0)
    monkeypatch.setattr(sweep, "_cpu_seconds", lambda: next(ticks))
    places = {
        "radiomics": [(Stages, "measure")],
        "preprocessing": [(Stages, "preprocess"), (Stages, "preprocess_again"), (Stages, "fail")],
        "networks": [(Stages, "predict"), (Stages, "layer")],
    }
    monkeypatch.setattr(sweep, "PLACES", places)
    return sweep.CpuLedger()


def test_each_second_is_entered_once_under_the_innermost_name_except_within_networks(ledger):
    original = Stages.predict
    with ledger.watching():
        Stages().measure()  # readings: other | radiomics | networks | radiomics | other
    assert ledger.seconds == {"other": 2.0, "radiomics": 2.0, "networks": 1.0}
    assert Stages.predict is original


def test_a_layer_that_preprocesses_is_no_pass_of_a_network(ledger):
    with ledger.watching():
        Stages().preprocess()
    assert ledger.seconds == {"other": 2.0, "preprocessing": 1.0}


def test_a_call_that_fails_ends_its_entry(ledger):
    with ledger.watching():
        with pytest.raises(ValueError):
            Stages().fail()
        Stages().predict()
    assert ledger.seconds == {"other": 3.0, "preprocessing": 1.0, "networks": 1.0}


def test_the_tables_have_the_shares_and_the_ratio():
    result = {"seconds": {"networks": 3.0, "other": 1.0}, "share": 0.75, "tasks": 2, "methods": 1}
    assert sweep_table(result).splitlines()[-1] == "networks and classifiers: 0.750"
    ratio = {"median": 0.5, "min": 0.5, "max": 0.5}
    measured = {"workers": 2, "rounds": [{"one": 10.0, "several": 5.0}], "ratio": ratio}
    assert "time of 2 processes over that of one: 0.500 [0.500, 0.500]" in processes_table(measured)
