from __future__ import annotations

import pytest
import torch

from common.benchmark import find_configs, measure_memory, memory_table, open_session, smallest_cohort
from common.benchmark.environment import available_memory
from common.benchmark.memory import _memory, peak_of_run
from tests.process_state import give_freed_memory_back
from tests.python_commands import FORKS

GB = int(1e9)


def test_what_would_not_fit_is_skipped_and_what_is_over_the_limit_is_reported(monkeypatch, tmp_path):
    config = tmp_path / "config.yaml"
    config.write_text("box_size: [64, 64, 64]\nimage_size: '@box_size'\n")
    asked = []

    def peak_of_run(config_files, overrides, steps):
        asked.append(overrides)
        voxels = overrides["box_size"][0] ** 3 if "box_size" in overrides else 64**3
        per_voxel = (2 if overrides["amp"] else 4) * (1 if overrides["activation_checkpointing"] else 3)
        peak = GB + round(per_voxel * GB * voxels / 64**3)
        return {"available": 11 * GB, "libraries": GB, "baseline": GB, "peak": peak, "batch_shape": [1]}

    monkeypatch.setattr("common.benchmark.memory.peak_of_run", peak_of_run)
    result = measure_memory([str(config)], {}, limit_gb=6.0)
    rows = {(row["precision"], row["checkpointing"]): row for row in result["rows"]}
    peaks = {key: row.get("peak") for key, row in rows.items()}
    assert peaks == {("bf16", True): 3 * GB, ("bf16", False): 7 * GB, ("fp32", True): 5 * GB, ("fp32", False): None}
    assert rows["bf16", True]["within_limit"] and not rows["bf16", False]["within_limit"]
    assert rows["fp32", False]["expected"] == pytest.approx(13 * GB)
    edges = [overrides["box_size"][0] for overrides in asked if "box_size" in overrides]
    assert edges == [32, 16] * 4  # two small runs each, and three of full size
    assert len(asked) == 8 + 3
    lines = memory_table(result).splitlines()
    assert sum("skipped" in line for line in lines) == 1
    (row,) = measure_memory([str(config)], {"amp": "false", "activation_checkpointing": True}, limit_gb=6.0)["rows"]
    assert row["precision"] == "fp32" and row["peak"] == 5 * GB


def test_a_peak_stays_when_the_memory_is_given_back():
    give_freed_memory_back()
    before = _memory(torch.device("cpu"))
    block = torch.ones(64, 1024, 1024)  # 256 MB
    during = _memory(torch.device("cpu"))
    del block
    after = _memory(torch.device("cpu"))
    assert during.now - before.now > 200e6
    assert after.peak - after.now > 200e6


def test_the_available_memory_is_positive_and_below_the_machines():
    assert 0 < available_memory(torch.device("cpu")) < 1e14


@pytest.mark.slow
def test_the_peak_of_a_real_run_lies_above_what_was_there_before(monkeypatch):
    monkeypatch.setattr("common.benchmark.memory.get_context", lambda _: FORKS)  # starts sooner than "spawn"
    files = find_configs("siam3d_imbalance", ["pretrain", "plain"])
    overrides = {"box_size": [16, 16, 16], "batch_size": 2, "device": "cpu", "amp": True}
    with open_session(files, overrides, num_subjects=smallest_cohort(files, overrides)) as session:
        found = peak_of_run(files, session.overrides, steps=1)
    assert 0 < found["libraries"] < found["baseline"] < found["peak"] < found["available"]
    assert found["batch_shape"] == [2, 4, 16, 16, 16]
    assert found["autocast"] == "torch.bfloat16"
