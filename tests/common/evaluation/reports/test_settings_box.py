"""The settings of a page, and the command that it ends with."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import torch

from common.evaluation.reports.study.settings_box import next_command, settings_box
from common.evaluation.reports.study.study_files import StudyFiles
from common.training_record import with_training_record

SUMMARY: dict[str, Any] = {
    "classes": [{"name": "low", "subjects": 3}, {"name": "high", "subjects": 4}],
    "folds": 5,
    "redealt": True,
    "results": [{"seeds": [1, 0]}, {"seeds": [0, 12]}],
    "fractions": [1.0, 0.25],
    "positive": "high",
    "confidence": 0.95,
    "resamples": 2000,
}


def files(folder: Path, datalist: Path | None, **record: Any) -> StudyFiles:
    return StudyFiles(folder, folder, {}, record, SUMMARY, pd.DataFrame(), {}, datalist, ())


def test_a_comparison_without_a_study_shows_its_own_settings_with_components_by_name(tmp_path):
    window = {"_target_": "monai.transforms.ScaleIntensityRange", "a_min": -810, "_mode_": "callable"}
    settings = {"quiet": True, "scale_intensity": window, "augment": {"_target_": "Compose"}, "amp": False}
    content = {"settings": settings, "overlays": ["lung", "se"], "train": {"max_epochs": 3}, "pretrain": {}}
    (tmp_path / "settings.json").write_text(json.dumps(content))
    found = dict(settings_box({}, SUMMARY, ["A", "B"], tmp_path))
    assert found["Settings"] == "scale_intensity ScaleIntensityRange (a_min -810), augment Compose, amp False"
    assert (found["Overlays"], found["Fine-tuning"], found["Methods"]) == ("lung, se", "max_epochs 3", "A, B")
    assert "Pre-training" not in found and "Bundle" not in found
    assert found["Folds"] == "5, dealt anew for each seed" and found["Seeds"] == "0, 1, 12"
    assert found["Shares of the labels"] == "25 %, 100 %" and found["Positive class"] == "high"
    assert found["Intervals"] == "95%, 2000 bootstrap resamples over subjects"


def test_a_study_shows_its_plan_and_not_the_settings_of_its_comparison(tmp_path):
    (tmp_path / "settings.json").write_text(json.dumps({"settings": {"amp": True}}))
    plan = {"bundle": "b", "datalist": "d.json", "settings": {"amp": False}, "budget": {"seconds": 1800}}
    plan |= {"machine": {"device": "cpu", "memory_gb": 16}, "overlays": ["lung"]}
    found = dict(settings_box(plan, {**SUMMARY, "redealt": False, "positive": None}, ["A"], tmp_path))
    assert found["Settings"] == "amp False" and found["Budget"] == "30 min" and found["Folds"] == "5"
    assert found["Machine"] == "cpu, 16 GB of memory" and "Positive class" not in found


def test_the_next_command_is_that_of_the_journal(tmp_path):
    assert next_command(files(tmp_path, None, next="go on"), "A", "A") == ("Go on with:", "go on")
    finished = files(tmp_path, None, next="predict x.zip", final={"kind": "all"})
    assert next_command(finished, "A", "A") == ("Use the final model:", "predict x.zip")
    finished.record["final"]["uncalibrated"] = "at chance"
    assert next_command(finished, "A", "A")[0] == "Use the final model, whose probabilities are not calibrated:"


@pytest.mark.parametrize(
    ("run", "method"),
    [("labels100/seed0/se+train/fold1", "se"), ("supervised/fold0", "scratch"), ("seed3/mcl+cgc/fold2", "mcl+cgc")],
)
def test_without_a_study_the_best_network_becomes_the_final_model(tmp_path, run, method):
    record = {"bundle": "liver_cgc", "config": "train", "settings": {}, "subjects": {"training": ["a"]}, "versions": {}}
    out, weights = tmp_path / "out", tmp_path / "out" / run / "model.pt"
    weights.parent.mkdir(parents=True)
    torch.save(with_training_record({"weight": torch.ones(2)}, record), weights)
    text, command = next_command(files(out, tmp_path / "data/lists/other.json"), "Radiomics", "Best", weights)
    assert text == "Radiomics is not a network that can be deployed. The best that is, Best, becomes a final model by:"
    words = shlex.split(command)
    expected = ["liver_cgc", "--dataset_dir", str(tmp_path / "data/lists"), "--datalist"]
    expected += [str(tmp_path / "data/lists/other.json"), "--output_dir", str(tmp_path / "out_final"), "--method"]
    assert words[-len(expected) - 1 :] == [*expected, method]
    text, command = next_command(files(out, tmp_path / "datalist.json"), "Best", "Best", weights)
    assert text.startswith("Train Best on all labelled subjects") and "--datalist" not in command
    torch.save({"weight": torch.ones(2)}, weights)  # of another program
    assert " BUNDLE --dataset_dir " in next_command(files(out, None), "Best", "Best", weights)[1]


def test_without_any_network_the_reader_has_to_name_a_method(tmp_path):
    text, command = next_command(files(tmp_path, None), "Radiomics", "Radiomics")
    assert text.startswith("No method of this comparison left a network")
    assert command.endswith("--method METHOD") and "BUNDLE" in command
