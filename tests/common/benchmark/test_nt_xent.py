from __future__ import annotations

import math

import pytest
import torch

from common.benchmark import measure_nt_xent, nt_xent_table, peak_memory


def test_the_peak_is_what_is_held_at_once_and_not_the_sum():
    def function():
        torch.zeros(1_000_000)  # freed at once
        kept = torch.zeros(500_000)
        return kept + 1

    assert peak_memory(function, "cpu") == pytest.approx(4_000_000, rel=0.05)


def test_what_is_told_is_what_was_measured():
    result = measure_nt_xent(batch_size=32, num_features=64, rounds=2, steps=1)
    summary = result["summary"]
    ratios = [row["MONAI"] / row["ours"] for row in result["rounds"]]
    assert summary["speedup"] == pytest.approx({"median": sum(ratios) / 2, "min": min(ratios), "max": max(ratios)})
    assert summary["value_difference"] <= 1e-5 and summary["equal_enough"]
    assert summary["peak_bytes"]["MONAI"] >= 64 * 64 * 64 * 4  # each pair of vectors, element by element
    assert summary["memory_ratio"] > 10
    assert summary["nan_temperature"] == pytest.approx(1 / math.log(torch.finfo(torch.float32).max), rel=1e-3)
    assert math.isfinite(summary["ours"])
    assert summary["fast_enough"] == (summary["speedup"]["median"] >= 50)
    assert f"memory ratio: {summary['memory_ratio']:.0f}" in nt_xent_table(result)
