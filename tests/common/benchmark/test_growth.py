from __future__ import annotations

import json

import pytest

from common.benchmark import growth as module
from common.benchmark import growth_table, measure_growth
from common.errors import InputError


def test_every_step_is_measured_at_every_size_and_ratios_are_relative_to_linear_growth(monkeypatch, tmp_path):
    seconds = iter([0.5, 0.1, 0.2, 1.0, 4.0, 0.2, 0.4, 1.0])
    monkeypatch.setattr(module, "_measure", lambda step: {"rows": step(), "cpu_seconds": next(seconds)})
    found = module._steps
    monkeypatch.setattr(module, "_steps", lambda *args: {k: _checked(v, args[1]) for k, v in found(*args).items()})
    result = measure_growth(tmp_path, sizes=(100, 50))
    assert [(row["subjects"], row["step"]) for row in result["rows"]] == [
        (size, step) for size in (50, 100) for step in ("check", "check from the cache", "folds", "report")
    ]
    assert result["ratios"] == pytest.approx({"check": 4, "check from the cache": 1, "folds": 1, "report": 0.5})


def _checked(found: dict, size: int) -> dict:
    rows = found.pop("rows")
    assert isinstance(rows, dict) or len(rows) == size
    return {**found, "seconds": 0.0, "memory": 0}


def test_the_table_has_the_numbers_of_a_real_run(tmp_path):
    result = measure_growth(tmp_path, sizes=(50, 60))
    assert all(row["memory"] > 0 for row in result["rows"]) and json.dumps(result)
    lines = growth_table(result).splitlines()
    assert len(lines) == 1 + 8 + 4 and "times linear growth" in lines[-1]


def test_one_size_or_a_small_one_is_reported(tmp_path):
    with pytest.raises(InputError, match="expected two or more numbers of subjects from 50"):
        measure_growth(tmp_path, sizes=(5, 100))
