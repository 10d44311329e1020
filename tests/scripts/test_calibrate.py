from __future__ import annotations

import json
import runpy
import sys

import pandas as pd
import pytest
from scipy.special import softmax

from tests.common.evaluation.statistics.test_calibration import cases


@pytest.fixture
def calibrate(project, tmp_path, monkeypatch):
    """Run the script in a folder with two folds of predictions."""
    labels, logits = cases(2)
    keys = {"subject": [f"{i:02d}" for i in range(90)], "fold": [i % 2 for i in range(90)], "label": labels}
    columns = {f"probability_{k}": column for k, column in enumerate(softmax(logits, axis=1).T)}
    for fold, rows in pd.DataFrame({**keys, **columns}).groupby("fold"):
        (tmp_path / f"fold{fold}").mkdir()
        rows.to_csv(tmp_path / f"fold{fold}/predictions.csv", index=False)

    def calibrate(*words: str) -> None:
        script = str(project / "scripts/calibrate.py")
        monkeypatch.chdir(tmp_path)
        monkeypatch.setattr(sys, "argv", [script, *words, "--output", "calibration.json", "--resamples", "50"])
        runpy.run_path(script, run_name="__main__")

    return calibrate


@pytest.mark.parametrize(
    "predictions", [["fold{fold}/predictions.csv"], ["fold0/predictions.csv", "fold1/predictions.csv"]]
)
def test_folds_become_one_calibration(calibrate, predictions, tmp_path, capsys):
    calibrate(*predictions, "--target_accuracy", "0.9")
    found = json.loads((tmp_path / "calibration.json").read_text())
    assert list(found["predictions"]) == ["fold0/predictions.csv", "fold1/predictions.csv"]
    assert found["temperature"] > 1 and 0 < found["threshold"] < 1 and found["num_subjects"] == 90
    printed = capsys.readouterr().out.splitlines()
    assert printed[0] == f"temperature {found['temperature']:.3f}, threshold {found['threshold']:.3f}"
    assert printed[-1] == "calibration.json"


def test_bad_input_ends_in_one_line_and_writes_nothing(calibrate, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(sys, "excepthook", sys.__excepthook__)
    with pytest.raises(ValueError, match="target_accuracy") as caught:
        calibrate("fold{fold}/predictions.csv", "--target_accuracy", "1.5")
    sys.excepthook(caught.type, caught.value, caught.tb)
    assert capsys.readouterr().err.startswith("error: target_accuracy: 1.5; expected a share above 0")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["fold0", "fold1"]
