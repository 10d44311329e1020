from __future__ import annotations

import pytest

from scripts import cross_validate
from tests.python_commands import run_python


def test_help_tells_the_options_and_runs_nothing(project):
    result = run_python([project / "scripts" / "cross_validate.py", "siam3d_imbalance", "--help"], project)
    assert result.returncode == 0
    assert all(option in result.stdout + result.stderr for option in ("--methods", "--finetune", "--seeds", "--sweep"))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("--methods=a,b --seeds 0,1", {"methods": ["a", "b"], "finetune": [], "seeds": [0, 1], "folds": None}),
        ("--finetune=mcl+cgc,scratch+cgc --seeds 3 --folds 4", {"methods": [], "seeds": [3], "folds": 4}),
        ("--finetune=mcl+cgc,scratch+cgc", {"finetune": ["mcl+cgc", "scratch+cgc"], "seeds": []}),
        ("--finetune scratch", {"finetune": ["scratch"]}),
        ("--max_epochs 2", {"methods": ["plain", "re", "se"], "max_epochs": 2}),
    ],
)
def test_lists_are_taken_as_they_are_written(monkeypatch, tmp_path, words, expected):
    found = {}

    class Comparison:
        def __init__(self, *folders, **options):
            found.update(options)

        def run(self):
            return tmp_path / "report.md"

    monkeypatch.setattr(cross_validate, "CrossValidation", Comparison)
    cross_validate.main(["siam3d_imbalance", "--dataset_dir=d", "--output_dir=o", *words.split()])
    assert {key: found[key] for key in expected} == expected
