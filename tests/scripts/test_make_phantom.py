from __future__ import annotations

import runpy
import sys

from common.data import load_datalist
from tests.python_commands import run_python


def test_a_cohort_is_made_from_any_working_directory_and_left_alone_the_second_time(
    project, tmp_path, monkeypatch, capsys, caplog
):
    script = str(project / "scripts" / "make_phantom.py")
    arguments = ["brain", "--output", "out/cohort", "--num_subjects", "12", "--shape", "16,16,16", "--num_folds", "2"]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", [script, *arguments])
    for _ in range(2):
        caplog.clear()
        with caplog.at_level("INFO"):
            runpy.run_path(script, run_name="__main__")
        assert capsys.readouterr().out == "datalist: out/cohort/datalist.json\n"
    assert "nothing to do" in caplog.text
    assert (tmp_path / "out" / "cohort" / "datalist.json").is_file()


def test_bad_input_ends_with_one_line_and_exit_code_1(project, tmp_path):
    script = project / "scripts" / "make_phantom.py"
    result = run_python([script, "lung", "--output", "out", "--shape", "64,64,8"], tmp_path)
    assert result.returncode == 1
    assert result.stderr == "error: shape: found (64, 64, 8), expected three integers from 16, such as 64,64,64\n"
    assert not (tmp_path / "out").exists()


def test_a_numeric_folder_is_a_folder(project, tmp_path, monkeypatch):
    script = str(project / "scripts" / "make_phantom.py")
    monkeypatch.chdir(tmp_path)
    arguments = ["thyroid", "007", "--num_subjects", "4", "--sizes", "64,72", "--num_folds", "2"]
    monkeypatch.setattr(sys, "argv", [script, *arguments])
    runpy.run_path(script, run_name="__main__")
    assert (tmp_path / "007" / "datalist.json").is_file()


def test_liver_slices_and_volumes_are_made(project, tmp_path, monkeypatch):
    script = str(project / "scripts" / "make_phantom.py")
    arguments = ["--num_subjects", "6", "--num_folds", "2", "--sizes", "32,40", "--modalities", "T2,OUT"]
    for dims in (2, 3):
        monkeypatch.setattr(
            sys, "argv", [script, "liver", str(tmp_path / f"{dims}d"), *arguments, "--spatial_dims", str(dims)]
        )
        runpy.run_path(script, run_name="__main__")
        assert len(load_datalist(tmp_path / f"{dims}d" / "datalist.json", spatial_dims=dims, num_images=2)) == 6
