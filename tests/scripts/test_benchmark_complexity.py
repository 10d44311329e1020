from __future__ import annotations

import json
import runpy
import sys

import pytest

from common.errors import InputError


def complexity(project, monkeypatch, *args: str) -> None:
    monkeypatch.setattr(sys, "argv", ["benchmark.py", "complexity", *args])
    runpy.run_path(str(project / "scripts" / "benchmark.py"), run_name="__main__")


def test_the_table_is_printed_and_all_numbers_are_in_the_json(project, tmp_path, monkeypatch, capsys):
    output = tmp_path / "c.json"
    sizes = ("--channels", "16", "--size", "3", "--modalities", "2", "--groups", "4", "--batch_size", "2")
    complexity(project, monkeypatch, *sizes, "--rounds", "1", "--steps", "1", "--output", str(output))
    printed, result = capsys.readouterr().out, json.loads(output.read_text())
    assert result["rows"]["CMC"]["macs"] == 16 * 16 * 2 * 9
    assert f"{result['rows']['dense']['forward']['median'] * 1e3:.1f} (x" in printed
    assert result["environment"]["hardware"]["cpu"] in printed and result["environment"]["versions"]["torch"]


def test_groups_that_do_not_divide_are_one_line_and_no_output(project, tmp_path, monkeypatch):
    with pytest.raises(InputError, match=r"^groups: 7 does not divide the 1408 channels"):
        complexity(project, monkeypatch, "--groups", "7", "--output", str(tmp_path / "c.json"))
    assert not list(tmp_path.iterdir())
