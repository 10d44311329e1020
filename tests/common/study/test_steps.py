"""The steps of a study after each other, with stages that take no time, killed at every point."""

from __future__ import annotations

import json
import os
import shutil
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from common.errors import InputError
from common.evaluation.protocols.stages import Stages
from common.study import Study, Wishes
from common.study.compare import comparison_of
from common.study.finish import calibrate, training_settings
from common.study.journal import Journal
from common.study.plan import Plan, read_plan, write_plan
from tests.common.evaluation.protocols.fake_labels import write_cohort, write_label_bundle
from tests.common.evaluation.protocols.without_figures import draw_nothing

METHODS = ["radiomics", "scratch+cgc", "simsiam+cgc", "simsiam+linear_probe"]


class Killer:
    """Lets every stage run, or ends the process before or after one of them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls, self.at, self.after = 0, -1, False
        run = Stages._run

        def killed(stages: Stages, stage: str, overlays: object, **overrides: object) -> None:
            self.calls += 1
            if self.calls == self.at and not self.after:
                raise KeyboardInterrupt
            run(stages, stage, overlays, **overrides)
            if self.calls == self.at:
                raise KeyboardInterrupt

        monkeypatch.setattr(Stages, "_run", killed)


@pytest.fixture
def killer(monkeypatch):
    """Stages that can be killed; page, archive and trial say what they were made of."""

    def page(study: Path) -> Path:
        text = (study / "compare/report/metrics.json").read_text() + str((study / "final/model.pt").exists())
        (study / "report.html").write_text(text)
        return study / "report.html"

    def package(study: Path, plan: Plan, overlays: list[str], calibration: Path | None, metrics: Path) -> Path:
        archive = study / "final/archive.zip"
        archive.write_bytes((study / "final/model.pt").read_bytes() + json.dumps([*overlays]).encode())
        return archive

    draw_nothing(monkeypatch)
    monkeypatch.setattr("common.evaluation.reports.study_report.write_study_report", page)
    monkeypatch.setattr("common.study.finishing.package", package)
    monkeypatch.setattr("common.study.finishing.calibrate", lambda *_: (None, "at chance"))
    monkeypatch.setattr("common.study.finishing.check_weights", lambda archive, weights: weights.stat())
    monkeypatch.setattr("common.study.finishing.try_archive", lambda *_: [{"label": 0, "predicted": 0}])
    return Killer(monkeypatch)


@pytest.fixture
def start(tmp_path):
    root, data = write_label_bundle(tmp_path / "bundle"), write_cohort(tmp_path / "data")

    def start(name: str, **changes) -> Study:
        folder = tmp_path / name
        folder.mkdir()
        shutil.copyfile(data / "datalist.json", folder / "datalist.json")
        places = {"bundle": str(root), "dataset_dir": str(data), "datalist": str(data / "datalist.json")}
        content = {
            "task": "classification",
            "methods": METHODS[1:3],
            "folds": [0],
            "cohort": {"subjects": 1},
            **changes,
        }
        write_plan(folder, Plan(**places, **content))
        return Study(folder, say=lambda _: None)

    return start


def outcome(study: Study) -> dict[str, bytes]:
    """Files by which a study is known, without times and places."""
    kinds = (".pt", ".csv", ".html", ".zip")
    found = {path.relative_to(study.folder): path for path in study.folder.rglob("*") if path.suffix in kinds}
    name = study.folder.name.encode()
    return {str(key): path.read_bytes().replace(name, b"study") for key, path in sorted(found.items())}


@pytest.mark.slow
def test_killed_before_and_after_every_stage_and_started_again_a_study_ends_the_same(start, killer):
    whole = start("whole")
    whole.finish()
    stages, expected = killer.calls, outcome(whole)
    assert len(expected) > 6 and "final/archive.zip" in expected
    for after in (False, True):
        study = start(f"kill{after:d}")
        for at in range(1, stages + 1):
            killer.calls, killer.at, killer.after = 0, 1 if after or at == 1 else 2, after
            try:
                study.finish()
                break
            except KeyboardInterrupt:
                continue
        killer.at = -1
        study.finish()
        assert outcome(study) == expected


def test_a_finished_study_repeats_no_stage(start, killer):
    study = start("study")
    study.finish()
    done = killer.calls
    study.finish()
    assert killer.calls == done


def test_a_finished_model_is_packaged_and_tried_again_only_where_plan_or_archive_have_changed(
    start, killer, monkeypatch
):
    study, tried = start("study"), []
    monkeypatch.setattr("common.study.finishing.try_archive", lambda *_: tried.append(1) or [{"label": 0}])
    archive = study.finish()
    step = Journal(study.folder)["steps"]["finish"]
    assert study.finish() == archive and len(tried) == 1 and Journal(study.folder)["steps"]["finish"] == step
    archive.write_bytes(b"damaged")
    assert study.finish().read_bytes() != b"damaged" and len(tried) == 2
    os.utime(study.folder / "plan.yaml", (archive.stat().st_mtime + 1,) * 2)
    study.finish()
    assert len(tried) == 3


def test_a_final_training_of_an_earlier_version_is_continued_also_with_another_method(start, killer):
    study = start("study")
    study.finish()
    claim, plan = study.folder / "final/training/settings.json", read_plan(study.folder)
    for method in METHODS[1:3]:
        claim.write_text(json.dumps({**json.loads(claim.read_text()), "method": "scratch+cgc"}))
        write_plan(study.folder, replace(plan, final={"kind": "all", "method": method}))
        study.finish()
        assert Journal(study.folder)["choice"]["text"] == method


def test_a_report_is_written_again_after_the_plan_has_changed_and_not_before(start, killer):
    study = start("study")
    report = study.conclude()
    report.write_text("kept")
    assert study.conclude() == report and report.read_text() == "kept"
    os.utime(study.folder / "plan.yaml", (report.stat().st_mtime + 1,) * 2)
    assert study.conclude().read_text() != "kept"


def test_the_next_command_follows_a_study_that_was_moved(start, killer, tmp_path):
    study = start("study")
    study.conclude()
    assert Journal(study.folder)["next"].endswith(f"finish {study.folder}")
    moved = Study(study.folder.rename(tmp_path / "moved"), say=lambda _: None)
    moved.conclude()
    assert Journal(moved.folder)["next"].endswith(f"finish {moved.folder}")
    moved.finish()
    again = Study(moved.folder.rename(tmp_path / "again"), say=lambda _: None)
    again.conclude()
    assert f" {again.folder}/final/archive.zip " in Journal(again.folder)["next"]


@pytest.mark.parametrize("place", ["link", "study/../study"])
def test_a_study_is_reached_through_links_and_dots(start, killer, tmp_path, place):
    start("study")
    (tmp_path / "link").symlink_to(tmp_path / "study")
    study = Study(tmp_path / place, say=lambda _: None)
    assert study.finish() and (tmp_path / "study/final/archive.zip").exists()
    assert Journal(study.folder)["next"].count(str(tmp_path / "study")) == 1


def test_each_step_does_what_is_missing_before_it(start, killer):
    study = start("study", methods=METHODS, folds=[0, 1])
    assert study.compare() == study.folder / "compare/report/report.md"
    assert not (study.folder / "report.html").exists()
    compared = killer.calls
    study.conclude()
    assert killer.calls == compared and (study.folder / "report.html").read_text().endswith("False")
    study.finish()
    assert (study.folder / "report.html").read_text().endswith("True")
    notes = json.loads((study.folder / "study.json").read_text())
    assert [row["kind"] for row in notes["rows"]] == ["radiomics", "scratch", "pretrained", "probe"]
    assert [row["text"] for row in notes["rows"]] == METHODS
    assert notes["final"]["kind"] == "all" and all(step["finished"] for step in notes["steps"].values())


def test_a_method_that_leaves_the_plan_after_the_comparison_is_no_longer_reported_or_chosen(start, killer):
    study = start("study", methods=["scratch+cgc", "simsiam+cgc"])
    study.conclude()
    before = killer.calls
    write_plan(study.folder, replace(read_plan(study.folder), methods=["simsiam+cgc"]))
    study.conclude()
    notes = json.loads((study.folder / "study.json").read_text())
    results = json.loads((study.folder / "compare/report/metrics.json").read_text())["results"]
    assert [row["text"] for row in notes["rows"]] == ["simsiam+cgc"] and len(results) == 1
    assert notes["choice"]["text"] == "simsiam+cgc" and killer.calls == before


def test_the_final_network_is_trained_on_everybody_by_the_method_that_the_plan_names(start, killer):
    study = start("study", final={"kind": "all", "method": "simsiam+cgc"})
    study.finish()
    weights = json.loads((study.folder / "final/model.pt").read_text())
    assert weights["start"][0] == str(study.folder / "final/training/simsiam/all/model.pt")


def test_the_network_that_was_tested_on_separate_subjects_is_the_final_one(start, killer):
    study = start("study", folds=[1], test_datalist="test.json", final={"kind": "all", "method": "scratch+cgc"})
    before = killer.calls
    study.finish()
    tested = study.folder / "compare/labels100/seed0/scratch+cgc/fold1/model.pt"
    assert (study.folder / "final/model.pt").read_bytes() == tested.read_bytes()
    assert not (study.folder / "final/training").exists() and killer.calls > before


def test_nothing_is_calibrated_on_a_separate_test_set(start, monkeypatch):
    read = "common.evaluation.statistics.calibration_rows.read_calibration_rows"
    monkeypatch.setattr(read, lambda tables: pytest.fail(f"read {tables}"))
    study = start("study", folds=[1], test_datalist="test.json", final={"kind": "all", "method": "scratch+cgc"})
    study.compare()
    path, reason = calibrate(study.folder, read_plan(study.folder), "scratch+cgc")
    assert path is None and reason == "the only predictions are those of the test set"
    assert not (study.folder / "final/calibration.json").exists()


def test_settings_that_are_edited_after_the_comparison_are_refused_and_what_changes_no_result_is_not(start, killer):
    study = start("study")
    study.finish()
    plan, done = read_plan(study.folder), outcome(study)
    write_plan(study.folder, replace(plan, pretrain={"seed": 7}))
    for step in (study.compare, study.conclude, study.finish):
        with pytest.raises(InputError, match=r"pretrain .* \(now {'seed': 7}\); undo the change in plan\.yaml"):
            step()
    assert outcome(study) == done
    for method in METHODS[1:3]:
        write_plan(study.folder, replace(plan, final={"kind": "all", "method": method}))
        study.finish()
        assert Journal(study.folder)["choice"]["text"] == method


def test_the_final_training_has_the_first_seed_of_the_plan(start):
    for seeds, varied, stages in (([3, 0], False, ["train"]), ([3], True, ["pretrain", "train"]), ([0, 3], True, [])):
        study = start(f"study{seeds}{varied}", seeds=seeds, vary_pretraining=varied)
        found = training_settings(study.folder, read_plan(study.folder), "simsiam+cgc").of_stage
        assert {stage: ids["seed"] for stage, ids in found.items() if "seed" in ids} == dict.fromkeys(stages, 3)


def test_settings_of_features_alone_are_left_out_of_the_final_training(start):
    study = start("study", settings={"view": "image"})
    assert "view" in comparison_of(study.folder, read_plan(study.folder)).settings
    assert "view" not in training_settings(study.folder, read_plan(study.folder), "simsiam+cgc").settings


def test_what_contradicts_the_plan_is_refused_all_at_once(start, tmp_path):
    study = start("study")
    wishes = Wishes(
        "mlsscl_3d", tmp_path / "data", study.folder, budget="2h", recipe="paper", settings={"batch_size": 3}
    )
    with pytest.raises(InputError) as error:
        study.plan(wishes)
    for words in (
        "bundle",
        "budget: none in the plan, 2h typed (only a new plan fits epochs",
        "batch_size: none in the plan, 3 typed",
        "recipe: 'default' in the plan, 'paper' typed",
        "edit it, delete",
    ):
        assert words in str(error.value)


def test_the_command_that_made_the_plan_continues_it_although_the_budget_changed_its_methods(start, monkeypatch):
    study = start("study")
    path, plan = study.folder / "plan.yaml", read_plan(study.folder)
    path.unlink()
    monkeypatch.setattr("common.study.steps.make_plan", lambda _: write_plan(study.folder, plan) and plan)
    monkeypatch.setattr("common.study.steps.describe_plan", lambda *_: "")
    wishes = Wishes(plan.bundle, Path(plan.dataset_dir), study.folder, methods=METHODS, pretrain={"max_epochs": 2})
    study.plan(wishes)
    assert study.plan(wishes) == plan == study.plan(replace(wishes, methods=METHODS[1:3]))
    other = replace(wishes, seeds=[0, 1], final="ensemble", pretrain={"max_epochs": 3})
    with pytest.raises(InputError) as error:
        study.plan(other)
    for words in (
        "seeds: [0] in the plan",
        "final: 'all' in the plan",
        "pretrain.max_epochs: none in the plan, 3 typed",
    ):
        assert words in str(error.value)
    assert "methods" not in str(error.value)


def test_a_study_that_another_process_has_begun_meanwhile_keeps_its_files(tmp_path, monkeypatch):
    @contextmanager
    def refused(folder):
        folder.mkdir()
        (folder / "study.json").write_text("{}")
        raise InputError("another process uses this folder")
        yield

    monkeypatch.setattr("common.study.steps.locked", refused)
    with pytest.raises(InputError, match="another process"):
        Study(tmp_path / "study").plan(Wishes("siam3d_imbalance", "data", "study"))
    assert (tmp_path / "study/study.json").is_file()


@pytest.mark.parametrize(("name", "remedy"), [("plan.yaml", "name {}$"), ("numbers.csv", "name another folder$")])
def test_a_file_instead_of_the_folder_of_a_study_is_refused(tmp_path, name, remedy):
    (tmp_path / name).touch()
    with pytest.raises(InputError, match=f"{name}: found a file, .*; {remedy.format(tmp_path)}"):
        Study(tmp_path / name)
