from __future__ import annotations

import json

import pytest

from common.benchmark import cohort_table, measure_cohort_memory
from common.benchmark.cohort_memory import SMALL
from common.data import load_datalist
from common.errors import InputError


def test_each_cache_gets_each_cohort_and_the_growth_is_that_of_a_volume(monkeypatch, tmp_path):
    asked = []

    def peak_of_run(config_files, overrides, steps):
        rows = load_datalist(overrides["datalist"])
        asked.append((overrides["cache"], len(rows), overrides["cache_dir"]))
        assert {**SMALL, "batch_size": 5}.items() <= overrides.items() and overrides["transductive"]
        peak = 700_000_000 + (len(rows) * 262_144 if overrides["cache"] == "memory" else 0)
        return {"available": 10**10, "libraries": 600_000_000, "baseline": 650_000_000, "peak": peak}

    monkeypatch.setattr("common.benchmark.cohort_memory.peak_of_run", peak_of_run)
    result = measure_cohort_memory(["pretrain.yaml"], {"batch_size": 5}, tmp_path, sizes=(24, 20))
    assert [found[:2] for found in asked] == [("memory", 20), ("memory", 24), ("disk", 20), ("disk", 24)]
    assert len({found[2] for found in asked}) == 4  # no run finds what another one stored
    assert result["growth"] == {"memory": 262_144, "disk": 0}
    assert "memory: 262.1 kB per additional volume" in cohort_table(result)
    assert json.dumps(result)


def test_one_size_or_a_small_one_is_reported(tmp_path):
    for sizes in ((100,), (100, 100), (5, 100)):
        with pytest.raises(InputError, match="expected two or more numbers of volumes from 20"):
            measure_cohort_memory([], {}, tmp_path, sizes=sizes)
