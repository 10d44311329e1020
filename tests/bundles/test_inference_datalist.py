"""Without rows to predict, inference ends in one line, and an earlier run's predictions do not pass for new ones."""

from __future__ import annotations

import json

import pytest

from tests.bundles.bundle_files import BUNDLES
from tests.bundles.commands import PROJECT, environment
from tests.python_commands import run_python

CONFIGS = [path for bundle in BUNDLES for path in sorted(bundle.glob("configs/inference*.json"))]


@pytest.mark.parametrize("config", CONFIGS, ids=lambda path: f"{path.parents[1].name}-{path.stem}")
def test_a_section_without_rows_or_a_missing_datalist_is_one_line_and_no_result(config, tmp_path):
    (tmp_path / "datalist.json").write_text(json.dumps({"training": [{"image": "a.nii"}]}))
    (tmp_path / "out").mkdir()
    (tmp_path / "out/predictions.csv").write_text("of another run,0.5,0.5\n")
    words = ["-m", "monai.bundle", "run", "evaluating", "--config_file", str(config), "--output_dir", tmp_path / "out"]
    for file, problem in (
        (tmp_path / "datalist.json", "section testing: found no rows, expected at least one; set --section training"),
        (tmp_path / "none.json", "found no such file, expected a datalist; name its folder by --dataset_dir"),
    ):
        done = run_python([*words, "--datalist", file], PROJECT, environment())
        assert done.returncode == 1 and "Traceback" not in done.stderr
        assert done.stderr.splitlines()[-1] == f"error: {file}: {problem}"
        assert [path.name for path in (tmp_path / "out").iterdir()] == ["predictions.csv"]
