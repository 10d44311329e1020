from __future__ import annotations

import json
import runpy
import subprocess
import sys

import pytest

from common.errors import InputError
from tests.python_commands import run_python

SIZES = ["--box_size", "[16,16,16]", "--num_subjects", "8", "--batch_size", "2", "--device", "cpu"]


def benchmark(project, tmp_path, *args: str) -> subprocess.CompletedProcess:
    return run_python([project / "scripts" / "benchmark.py", *args], tmp_path)


@pytest.mark.slow
def test_the_pipeline_is_measured_end_to_end_and_all_rounds_and_the_hardware_are_in_the_json(project, tmp_path):
    output = tmp_path / "result.json"
    args = ("--overlay", "plain", "--rounds", "2", "--steps", "1", *SIZES, "--output", str(output))
    done = benchmark(project, tmp_path, "pipeline", *args)
    assert done.returncode == 0, done.stderr
    result = json.loads(output.read_text())
    assert len(result["rounds"]) == 2
    for row in result["rounds"]:
        assert row["efficiency"] == pytest.approx(row["bare"]["seconds"] / row["run"]["seconds"])
        assert row["run"]["samples_per_second"] == pytest.approx(2 / row["run"]["seconds"])
    summary = result["summary"]["efficiency"]
    assert summary["min"] <= summary["median"] <= summary["max"]
    assert result["settings"]["batch_shape"] == [2, 4, 16, 16, 16]
    assert result["environment"]["hardware"]["cpu"] and result["environment"]["hardware"]["threads"] >= 1
    assert result["environment"]["versions"]["torch"]
    assert result["overrides"]["batch_size"] == 2
    assert [name.rsplit("/", 1)[1] for name in result["config_files"]] == ["pretrain.yaml", "plain.yaml"]
    assert f"efficiency: {summary['median']:.3f}" in done.stdout
    assert result["environment"]["hardware"]["cpu"] in done.stdout
    assert result["config"]["batch_size"] == 2 and result["config"]["strategy"] == "plain"
    assert [path.name for path in tmp_path.iterdir()] == ["result.json"]


def test_an_unknown_config_is_one_line_and_no_output(project, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["benchmark.py", "pipeline", "--overlay", "plane", "--output", "result.json"])
    with pytest.raises(
        InputError, match=r"^plane: the bundle has no such config; expected one of .*plain.*, or a path"
    ):
        runpy.run_path(str(project / "scripts" / "benchmark.py"), run_name="__main__")
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_the_cost_of_re_and_se_is_reported_for_every_variant(project, tmp_path):
    output = tmp_path / "result.json"
    candidates = ("--num_clusters", "2", "--candidates_per_cluster", "3")
    args = ("--rounds", "1", "--steps", "1", *SIZES, *candidates, "--output", str(output))
    done = benchmark(project, tmp_path, "rebalance", *args)
    assert done.returncode == 0, done.stderr
    result = json.loads(output.read_text())
    assert list(result["summary"]) == ["plain", "re fresh", "re bank", "se fresh", "se bank"]
    (row,) = result["rounds"]
    assert row["se fresh: forward passes"] > 0
    for name in ("re fresh", "se fresh"):
        found = result["summary"][name]
        beyond = (row[name] - row["plain"] - row[f"{name}: forward passes"]) / row["plain"]
        assert found["beyond_limit"]["median"] == pytest.approx(beyond)
        assert name in done.stdout
