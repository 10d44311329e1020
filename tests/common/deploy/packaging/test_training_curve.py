from __future__ import annotations

import json

from PIL import Image

from common.deploy.packaging.training_curve import draw_training_curve
from common.deploy.verification.scan.pictures import scan_png

ROWS = [{"epoch": epoch, "loss": 1 / epoch, "val_auc": 0.5 + epoch / 10} for epoch in (1, 2, 3)]


def test_the_same_rows_give_the_same_picture_which_the_scan_accepts(tmp_path):
    (tmp_path / "metrics.json").write_text(json.dumps(ROWS))
    first, second = (draw_training_curve(tmp_path / "metrics.json", tmp_path / f"{k}.png") for k in range(2))
    assert first.read_bytes() == second.read_bytes() and scan_png(first.read_bytes()) == []
    with Image.open(first) as with_scores:
        assert with_scores.height == 400
    (tmp_path / "metrics.json").write_text(json.dumps([{"epoch": row["epoch"], "loss": 1} for row in ROWS]))
    with Image.open(draw_training_curve(tmp_path / "metrics.json", tmp_path / "loss.png")) as without:
        assert without.height == 240


def test_epochs_without_a_validation_are_left_out_of_its_curve(tmp_path):
    rows = [{key: row[key] for key in row if key != "val_auc" or row["epoch"] != 1} for row in ROWS]
    (tmp_path / "metrics.json").write_text(json.dumps(rows))
    with Image.open(draw_training_curve(tmp_path / "metrics.json", tmp_path / "curve.png")) as with_scores:
        assert with_scores.height == 400


def test_nothing_is_drawn_without_a_log_or_of_a_single_epoch(tmp_path):
    assert draw_training_curve(tmp_path / "none.json", tmp_path / "a.png") is None
    (tmp_path / "metrics.json").write_text(json.dumps(ROWS[:1]))
    assert draw_training_curve(tmp_path / "metrics.json", tmp_path / "a.png") is None
    assert not (tmp_path / "a.png").exists()
