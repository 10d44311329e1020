from __future__ import annotations

from functools import wraps

import pytest

from common.command_line import run_commands
from common.reproduce import Reproduction


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("--table 2", {"table": "2"}),
        ("--table frozen --cohort kidney --budget short", {"table": "frozen", "cohort": "kidney", "budget": "short"}),
        ("--figure 4 --workers 2 --device cpu", {"figure": "4", "workers": 2, "device": "cpu"}),
        ("--table 2 --raters {rater2:'a/b.json'}", {"table": "2", "raters": {"rater2": "a/b.json"}}),
        ("--table 1 --scheduler tcp://a:1 --resources {GPU:1}", {"table": "1", "scheduler": "tcp://a:1"}),
        ("--table 2 --overlays lidc,pretrain:paper", {"table": "2", "overlays": ("lidc", "pretrain:paper")}),
    ],
)
def test_options_are_read_as_the_pages_write_them(monkeypatch, words, expected):
    found = {}

    def record(self, bundle, dataset_dir, output_dir, **options):
        found.update(options)

    monkeypatch.setattr(Reproduction, "__init__", wraps(Reproduction.__init__)(record))
    monkeypatch.setattr(Reproduction, "run", lambda self: None)
    folders = ["siam3d_imbalance", "--dataset_dir=d", "--output_dir=o"]
    run_commands(Reproduction, [*folders, *words.split()], method="run")
    assert {name: found.get(name) for name in expected} == expected
