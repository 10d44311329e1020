from __future__ import annotations

import runpy
import sys

import pytest

from common.data import load_datalist
from common.data.phantoms import LiverPhantoms
from common.errors import InputError


@pytest.fixture
def run(project, tmp_path, monkeypatch):
    script = str(project / "scripts" / "extract_slices.py")
    settings = {"num_subjects": 6, "sizes": (32, 40), "num_slices": 6, "num_folds": 2, "spatial_dims": 3}
    LiverPhantoms(**settings).make(tmp_path / "volumes")

    def call(*arguments: str) -> None:
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", [script, "volumes/datalist.json", "--output", "slices", *arguments])
        runpy.run_path(script, run_name="__main__")

    return call


def test_slices_are_written_relative_to_the_working_directory(run, tmp_path, capsys):
    run("--mask_label", "2", "--apply_mask")
    assert capsys.readouterr().out == "datalist: slices/datalist.json\n"
    rows = load_datalist(tmp_path / "slices" / "datalist.json", spatial_dims=2, mask="required", mask_label=2)
    assert len(rows) == 6 and all(0 <= row["slice"] < 6 for row in rows)


def test_an_index_outside_is_reported_with_a_line_for_each_row(run):
    with pytest.raises(InputError, match="6 problems") as error:
        run("--index", "6")
    assert str(error.value).count("found slice index 6, expected 0..5 along axis 2") == 6
