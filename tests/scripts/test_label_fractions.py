from __future__ import annotations

import pytest

from scripts import label_fractions

FOLDERS = ["siam3d_imbalance", "--dataset_dir=d", "--output_dir=o"]


def test_help_tells_the_options_and_runs_nothing(capsys):
    with pytest.raises(SystemExit) as end:
        label_fractions.main([*FOLDERS, "--methods", "a", "--help"])
    assert end.value.code == 0
    told = "".join(capsys.readouterr())
    assert all(option in told for option in ("METHODS", "--fractions", "--seeds", "--fold", "--pretrain", "--train"))


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (
            "--methods=scratch+cgc,radiomics",
            {"methods": ["scratch+cgc", "radiomics"], "fractions": [0.05, 0.2, 0.5, 1]},
        ),
        (
            "--methods scratch --fractions 0.05,1 --fold 3",
            {"methods": ["scratch"], "fractions": [0.05, 1], "folds": [3]},
        ),
        ("--methods scratch --fractions 0.1 --fold 0,2", {"fractions": [0.1], "folds": [0, 2], "seeds": [0, 1, 2]}),
        ("--methods a,b --seeds 4 --max_correlation None", {"seeds": [4], "max_correlation": None}),
        ("--methods a --pretrain {max_epochs:3} --batch_size 2", {"pretrain": {"max_epochs": 3}, "batch_size": 2}),
    ],
)
def test_lists_are_taken_as_they_are_written(monkeypatch, tmp_path, capsys, words, expected):
    found = {}

    class Comparison:
        def __init__(self, *folders, **options):
            found.update(options)

        def run(self):
            return tmp_path / "report.md"

    monkeypatch.setattr(label_fractions, "LabelFractions", Comparison)
    label_fractions.main([*FOLDERS, *words.split()])
    assert {key: found[key] for key in expected} == expected
    assert str(tmp_path / "label_fractions.md") in capsys.readouterr().out
