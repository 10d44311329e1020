from __future__ import annotations

import json
from functools import wraps

import pytest

from common.command_line import run_commands
from common.evaluation import CrossValidation
from tests.python_commands import run_python

FOLDERS = ["siam3d_imbalance", "--dataset_dir=d", "--output_dir=o"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("--methods=a,b --seeds 0,1", {"methods": ("a", "b"), "seeds": (0, 1)}),
        ("--seeds 3 --folds 4", {"seeds": (3,), "folds": 4}),
        ("--finetune=mcl+cgc,scratch+cgc", {"finetune": ("mcl+cgc", "scratch+cgc")}),
        ("--transductive True --finetune scratch", {"finetune": ("scratch",), "transductive": True}),
        ("--max_epochs 2 --box_size [54,54,54] --amp True", {"max_epochs": 2, "box_size": [54, 54, 54], "amp": True}),
        ("--sweep {num_clusters:[2,3]}", {"sweep": {"num_clusters": [2, 3]}}),
    ],
)
def test_options_are_read_as_the_pages_write_them(monkeypatch, words, expected):
    found = {}
    init = wraps(CrossValidation.__init__)(lambda self, *_, **options: found.update(options))
    monkeypatch.setattr(CrossValidation, "__init__", init)
    monkeypatch.setattr(CrossValidation, "run", lambda self: None)
    run_commands(CrossValidation, [*FOLDERS, *words.split()], method="run")
    assert found == expected


def test_an_id_that_no_config_has_ends_with_exit_code_2_before_anything_is_written(project, tmp_path):
    cohort = tmp_path / "cohort"
    cohort.mkdir()
    rows = [{"image": "a.nii.gz", "subject": f"s{i}", "label": i % 2, "fold": i // 2} for i in range(4)]
    (cohort / "datalist.json").write_text(json.dumps({"training": rows}))
    words = ["siam3d_imbalance", "cohort", "out", "--num_fold", "3"]
    done = run_python([project / "scripts" / "cross_validate.py", *words], tmp_path)
    assert done.returncode == 2
    assert "--num_fold: neither this command nor a config of the bundle has this option; did you mean" in done.stderr
    assert not (tmp_path / "out").exists()
