from __future__ import annotations

import json
import runpy
import sys

import pytest

from common.networks import VolumeResNet


def benchmark(project, monkeypatch, *args: str) -> None:
    monkeypatch.setattr(sys, "argv", ["benchmark.py", "clips", *args])
    runpy.run_path(str(project / "scripts" / "benchmark.py"), run_name="__main__")


def test_ours_and_the_naive_step_are_told_side_by_side(project, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(
        "common.benchmark.long_short.BACKBONES", {"resnet18": lambda: VolumeResNet(10, 1, (4, 8, 8, 16))}
    )
    output = tmp_path / "result.json"
    sizes = ("--batch_size", "2", "--num_slices", "4", "--clip_size", "[16,16]", "--num_keys", "8")
    benchmark(
        project, monkeypatch, *sizes, "--rounds", "2", "--steps", "1", "--cpu_time", "true", "--output", str(output)
    )
    told, result = capsys.readouterr().out, json.loads(output.read_text())
    assert result["benchmark"] == "clips" and len(result["rounds"]) == 2
    assert result["settings"]["batch_shape"] == [2, 1, 4, 16, 16] and result["settings"]["cpu_time"] is True
    assert f"peak {result['summary']['naive']['peak_bytes'] / 1e6:.1f} MB" in told
    assert result["environment"]["hardware"]["cpu"] in told


def test_help_is_told_and_nothing_runs(project, monkeypatch, capfd):
    with pytest.raises(SystemExit) as stop:
        benchmark(project, monkeypatch, "--help")
    assert stop.value.code == 0 and "--backbone" in "".join(capfd.readouterr())
