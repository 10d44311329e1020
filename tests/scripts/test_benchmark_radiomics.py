from __future__ import annotations

import json

import pytest

from common.benchmark import radiomics
from common.command_line import run_commands
from tests.python_commands import ForkedExecutor

pytest.importorskip("radiomics")


@pytest.mark.slow
def test_pictures_of_a_csv_are_measured_by_both_engines_and_reported(shared_data, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(radiomics, "ProcessPoolExecutor", ForkedExecutor)
    monkeypatch.setattr(radiomics, "SIGMAS", {2: {"about 1000": 6}})
    folder = shared_data / "busi_256"
    lines = [f"{folder}/images/{name}.png,{folder}/masks/{name}.png" for name in ("benign_002", "malignant_069")]
    (tmp_path / "pairs.csv").write_text("\n".join(["image,mask", *lines]), encoding="utf-8")
    words = ["--datalist", str(tmp_path / "pairs.csv"), "--rounds", "1", "--output", str(tmp_path / "found.json")]
    run_commands({"radiomics": "scripts.benchmark:radiomics"}, ["radiomics", *words])
    printed = capsys.readouterr().out
    assert printed.startswith("radiomics: ") and "2 cases in 2D" in printed and "1032 features" in printed
    found = json.loads((tmp_path / "found.json").read_text())
    assert found["environment"]["hardware"]["cores"] > 0
    assert found["rows"][0]["largest_relative_difference"] < 1e-6
