from __future__ import annotations

from functools import wraps

import pytest

from common.command_line import run_commands
from common.evaluation import LabelFractions

FOLDERS = ["siam3d_imbalance", "--dataset_dir=d", "--output_dir=o"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("--methods=scratch+cgc,radiomics", {"methods": ("scratch+cgc", "radiomics")}),
        (
            "--methods scratch --fractions 0.05,1 --fold 3",
            {"methods": ("scratch",), "fractions": (0.05, 1), "fold": (3,)},
        ),
        (
            "--methods scratch --fractions 0.1 --fold 0,2",
            {"methods": ("scratch",), "fractions": (0.1,), "fold": (0, 2)},
        ),
        ("--methods a,b --max_correlation None", {"methods": ("a", "b"), "max_correlation": None}),
        (
            "--methods a --pretrain {max_epochs:3} --batch_size 2",
            {"methods": ("a",), "pretrain": {"max_epochs": 3}, "batch_size": 2},
        ),
    ],
)
def test_options_are_read_as_the_pages_write_them(monkeypatch, words, expected):
    found = {}

    def record(self, bundle, dataset_dir, output_dir, methods, **options):
        found.update(methods=methods, **options)

    monkeypatch.setattr(LabelFractions, "__init__", wraps(LabelFractions.__init__)(record))
    monkeypatch.setattr(LabelFractions, "run", lambda self: None)
    run_commands(LabelFractions, [*FOLDERS, *words.split()], method="run")
    assert found == expected
