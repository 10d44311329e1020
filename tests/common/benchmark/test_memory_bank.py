from __future__ import annotations

import pytest

from common.benchmark import measure_memory_bank, memory_bank_table


@pytest.fixture(scope="module")
def result() -> dict:
    return measure_memory_bank(batch_size=16, num_samples=200, num_features=32, negatives=300, rounds=2, steps=1)


def test_what_is_told_is_what_was_measured(result):
    summary = result["summary"]
    ratios = [row["NCE, rows gathered"] / row["full softmax"] for row in result["rounds"]]
    assert summary["speedup"] == pytest.approx({"median": sum(ratios) / 2, "min": min(ratios), "max": max(ratios)})
    assert summary["fast_enough"] == (summary["speedup"]["median"] >= 20)
    told = memory_bank_table(result)
    assert f"{summary['speedup']['median']:.1f} times" in told and "negatives 300" in told


def test_the_loss_that_is_compared_is_cmc_s_own(result):
    assert result["summary"]["value_difference"] <= 1e-5 and result["summary"]["equal_enough"]


def test_gathered_rows_cost_the_memory_that_they_need(result):
    peaks = result["summary"]["peak_bytes"]
    assert peaks["NCE, rows gathered"] >= 16 * 301 * 32 * 4
    assert peaks["full softmax"] < 0.3 * peaks["NCE, rows gathered"]


@pytest.mark.slow
def test_at_the_paper_s_size_full_softmax_is_at_least_20_times_faster():
    result = measure_memory_bank(rounds=3, steps=2, cpu_time=True)
    assert result["settings"]["num_samples"] == 2916 and result["settings"]["negatives"] == 2048
    assert result["summary"]["speedup"]["median"] >= 20
