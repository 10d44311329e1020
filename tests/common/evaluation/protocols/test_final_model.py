"""The protocol from a chosen method to its final model, with stages that take no time."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pandas as pd
import pytest

from common.errors import InputError
from common.evaluation import FinalModel
from tests.common.evaluation.protocols.fake_bundle import write_bundle, write_cohort
from tests.common.evaluation.protocols.noted_stages import NotedStages


class Noted(NotedStages, FinalModel):
    """Stages run and are noted; the one with number ``killed_at`` is not."""

    killed_at: int | None = None

    def _run(self, stage, overlays, **overrides):
        if len(getattr(self, "stages", [])) == self.killed_at:
            raise KeyboardInterrupt
        super()._run(stage, overlays, **overrides)


@pytest.fixture
def start(tmp_path, monkeypatch):
    monkeypatch.setattr("common.evaluation.reports.report.draw_all", lambda *_: {})  # it would take most of the time
    root, data = write_bundle(tmp_path / "bundle"), write_cohort(tmp_path / "data")
    return lambda output="out", **options: Noted(root, data, tmp_path / output, **options)


def parts(run: Noted) -> list[tuple[str, str]]:
    """Stage and fold of each run, ``all`` for all subjects."""
    everybody = ("all_subjects", "transductive")
    return [(stage, "all" if any(ids.get(name) for name in everybody) else ids["fold"]) for stage, _, ids in run.stages]


def contents(folder: Path) -> dict[str, bytes]:
    """Weights and tables by their path."""
    found = [path for path in folder.rglob("*") if path.suffix in (".pt", ".csv", ".json")]
    return {str(path.relative_to(folder)): path.read_bytes() for path in found if path.name != "settings.json"}


def test_each_fold_is_judged_by_what_did_not_see_it_and_the_last_weights_are_of_everybody(start):
    run = start(method="simsiam_mda+cgc", train={"fusion": "x"})
    weights = run.run()
    folds = [(stage, fold) for fold in (0, 1) for stage in ("pretrain", "train", "evaluate")]
    assert parts(run) == [*folds, ("pretrain", "all"), ("train", "all")]
    for stage, overlays, ids in run.stages:
        if stage == "train":
            part = "all" if ids.get("all_subjects") else f"fold{ids['fold']}"
            assert overlays == ["cgc"]
            assert ids["pretrained_encoder"] == str(run.output_dir / f"simsiam_mda/{part}/model.pt")
    assert weights == run.output_dir / "final/model.pt"
    assert weights.read_bytes() == (run.output_dir / "simsiam_mda+cgc/all/model.pt").read_bytes()
    assert json.loads(weights.read_text())["fusion"] == "x"


@pytest.mark.parametrize("typed", [{}, {"validation_fraction": 0.5}])
def test_the_last_training_holds_back_nobody_to_choose_an_epoch_unless_typed(start, typed):
    run = start(train=typed)
    run.run()
    *folds, final = [ids for stage, _, ids in run.stages if stage == "train"]
    assert final.get("validation_fraction", "as typed") == ("as typed" if typed else 0.0)
    assert all("validation_fraction" not in ids for ids in folds)


def test_scores_and_calibration_are_of_the_held_out_predictions_of_all_folds(start):
    final = start().run().parent
    metrics = json.loads((final / "metrics.json").read_text())
    tables = [pd.read_csv(path) for path in final.parent.glob("supervised/fold*/evaluate/predictions.csv")]
    pooled = pd.concat(tables)
    accuracy = (pooled["label"] == pooled["prediction"]).mean()
    assert metrics["results"][0]["metrics"]["accuracy"]["value"] == pytest.approx(accuracy) == 38 / 40
    assert metrics["subjects"] == len(set(pooled["subject"])) == 40
    calibration = json.loads((final / "calibration.json").read_text())
    assert calibration["num_subjects"] == 40 and calibration["accuracy"] == pytest.approx(accuracy)


def test_a_classifier_that_cannot_be_calibrated_keeps_its_weights_and_scores(start, monkeypatch, capsys):
    def refuse(*_):
        raise InputError("predictions: no better than chance")

    monkeypatch.setattr("common.evaluation.statistics.calibration_summary.judge_calibration", refuse)
    final = start().run().parent
    assert {path.name for path in final.iterdir()} == {"model.pt", "metrics.json"}
    assert "without a calibration.json: predictions: no better than chance" in capsys.readouterr().err


def test_one_encoder_of_all_subjects_serves_all_folds_where_it_is_transductive_and_the_report_says_so(start):
    run = start(method="simsiam_mda", transductive=True)
    final = run.run().parent
    assert parts(run).count(("pretrain", "all")) == 1 and ("pretrain", 0) not in parts(run)
    starts = {ids["pretrained_encoder"] for stage, _, ids in run.stages if stage == "train"}
    assert starts == {str(run.output_dir / "simsiam_mda/all/model.pt")}
    (note,) = json.loads((final / "metrics.json").read_text())["notes"]
    assert "held-out ones too" in note


@pytest.mark.parametrize("killed_at", [1, 5, 7])
def test_a_killed_run_goes_on_where_it_was_and_ends_as_one_that_was_not(start, killed_at):
    whole = start("whole", method="simsiam_mda")
    whole.run()
    run = start(method="simsiam_mda")
    run.killed_at = killed_at
    with pytest.raises(KeyboardInterrupt):
        run.run()
    again = start(method="simsiam_mda")
    again.run()
    done = [entry for entry in parts(run) if entry[0] != "train"]  # a training without its evaluation goes on
    assert not set(done) & set(parts(again))
    assert sorted(contents(again.output_dir)) == sorted(contents(whole.output_dir))
    third = start(method="simsiam_mda")
    third.run()
    assert not hasattr(third, "stages")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_epoch": 3}, "--max_epoch: neither this command nor one of pretrain, train, evaluate has this option"),
        ({"train": {"epochs": 3}}, "train: found epochs, which train.yaml does not have"),
        ({"pretrain": {"epochs": 3}}, "pretrain: found epochs, which pretrain.yaml does not have"),
        ({"method": "nothing+cgc"}, "nothing"),
        ({"method": "scratch+single"}, "scratch.single: found 2 networks, one for each modality"),
        ({"method": "imagenet+cgc"}, "imagenet without a file of weights"),
        ({"overlays": ["nothing"]}, "nothing: the bundle has no such config"),
    ],
)
def test_what_cannot_be_run_is_reported_before_anything_runs(start, tmp_path, options, message):
    with pytest.raises(InputError, match=message):
        start(**options)
    assert not (tmp_path / "out").exists()


def test_another_method_is_not_mixed_into_a_folder(start):
    start().run()
    with pytest.raises(InputError, match="from another comparison: method supervised"):
        start(method="simsiam_mda").run()


def test_a_folder_belongs_to_the_comparison_of_a_moved_bundle_too(start, tmp_path):
    run = start(overlays=["cgc", str(tmp_path / "bundle/configs/simsiam.yaml")])
    run.run()
    assert json.loads((run.output_dir / "settings.json").read_text())["overlays"] == ["cgc", "simsiam"]
    moved = shutil.move(tmp_path / "bundle", tmp_path / "moved")
    again = Noted(moved, tmp_path / "data", run.output_dir, overlays=["cgc", "simsiam"])
    again.run()
    assert not hasattr(again, "stages")
    (tmp_path / "simsiam.yaml").write_text("{}")  # of no bundle
    with pytest.raises(InputError, match="from another comparison: overlays"):
        Noted(moved, tmp_path / "data", run.output_dir, overlays=["cgc", str(tmp_path / "simsiam.yaml")]).run()


def test_a_moved_datalist_goes_on_and_another_one_is_refused(start, tmp_path):
    run = start()
    run.check_identity()
    run._keep_identity()
    moved = shutil.copytree(run.dataset_dir, tmp_path / "moved")
    start(datalist=str(moved / "datalist.json")).check_identity()
    content = json.loads((moved / "datalist.json").read_text())
    content["training"][0]["label"] = 1 - content["training"][0]["label"]
    (moved / "datalist.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match="from another comparison: datalist with another content; name another"):
        start(datalist=str(moved / "datalist.json")).check_identity()


@pytest.mark.parametrize("text", ["{", "[]", '{"overlays": 3}'])
def test_a_damaged_settings_file_is_one_line(start, text):
    run = start()
    run.output_dir.mkdir()
    (run.output_dir / "settings.json").write_text(text)
    with pytest.raises(InputError, match=r"settings\.json: damaged"):
        run.run()
