"""Measured steps of trainings that take no time."""

from __future__ import annotations

import json
import logging

import pytest

from common.study import measurement
from common.study.measurement import StageRun

ROWS = [{"subject": str(number)} for number in range(60)]


@pytest.fixture
def measured(monkeypatch):
    """Key and precision of each measured run; float32 takes as long as its test says."""
    seen: list[tuple[str, bool]] = []
    float32 = {"step": 3.0}

    def measure(run, folder):
        seen.append((run["key"], run["overrides"]["amp"]))
        return {"step": 2.0} if run["overrides"]["amp"] else dict(float32)

    monkeypatch.setattr(measurement, "_measure", measure)
    monkeypatch.setattr(measurement, "_build", lambda *_: None)
    yield seen, float32
    logging.disable(logging.NOTSET)


def runs() -> list[dict]:
    return [{"key": key, "overrides": {"amp": True}} for key in ("train", "pretrain + se", "pretrain + plain")]


def test_float32_is_tried_on_the_cheapest_training_alone(measured, tmp_path):
    seen, _ = measured
    costs, faster = measurement._measure_all(runs(), str(tmp_path), True)
    assert seen == [("train", True), ("train", False), ("pretrain + se", True), ("pretrain + plain", True)]
    assert not faster and [cost["step"] for cost in costs.values()] == [2.0, 2.0, 2.0]


def test_where_float32_is_faster_all_others_are_measured_in_it(measured, tmp_path):
    seen, float32 = measured
    float32["step"] = 1.0
    costs, faster = measurement._measure_all(runs(), str(tmp_path), True)
    assert faster and seen[2:] == [("pretrain + se", False), ("pretrain + plain", False)]
    assert costs == {key: {"step": 1.0} for key in ("train", "pretrain + se", "pretrain + plain")}


def test_a_run_reads_two_of_its_batches(tmp_path):
    for size, number in ((1, 16), (6, 16), (24, 48), (100, 60)):
        path = measurement._write_rows(StageRun("train", (), {}, size), ROWS, tmp_path, {"labels": {"0": "a"}})
        content = json.loads(path.read_text())
        assert content["labels"] == {"0": "a"} and content["training"] == ROWS[:number]
