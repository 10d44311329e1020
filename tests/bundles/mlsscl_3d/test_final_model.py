"""scripts/final_model.py on phantoms: a classifier and a segmenter of everybody, judged by fold."""

from __future__ import annotations

import json

import pandas as pd
import pytest

from common.evaluation import FinalModel
from common.training_record import read_training_record

FOLDS = 3


@pytest.mark.slow
def test_a_classifier_of_everybody_is_judged_by_fold(tiny, dementia, tmp_path, capsys):
    options = {key: value for key, value in tiny.items() if key != "dataset_dir"}
    train = {"max_epochs": 1, "validation_fraction": 0}
    weights = FinalModel("mlsscl_3d", dementia, tmp_path, train=train, device="cpu", **options).run()
    people = {row["subject"] for row in json.loads((dementia / "datalist.json").read_text())["training"]}
    record = read_training_record(weights)
    assert set(record["subjects"]["training"]) == people and record["fold"] is None
    for fold in range(FOLDS):
        folder = tmp_path / f"supervised/fold{fold}"
        seen = read_training_record(folder / "model.pt")["subjects"]["training"]
        judged = pd.read_csv(folder / "evaluate/predictions.csv", dtype={"subject": str})["subject"]
        assert set(judged) | set(seen) == people and not set(judged) & set(seen)
    calibration = weights.parent / "calibration.json"
    assert calibration.is_file() or "without a calibration.json" in "".join(
        capsys.readouterr()
    )  # it may be at chance level
    assert json.loads((weights.parent / "metrics.json").read_text())["subjects"] == len(people)


@pytest.mark.slow
def test_a_segmenter_of_everybody_is_judged_by_fold(patches, lesions, tmp_path):
    options = {key: value for key, value in patches.items() if key != "dataset_dir"}
    train = {"max_epochs": 1, "validation_fraction": 0}
    options |= {"task": "segmentation", "method": "genesis", "transductive": True, "train": train, "device": "cpu"}
    options |= {
        "overlays": ["unet"],
        "pretrain": {"max_epochs": 1, "batch_size": 2},
    }  # on images whose label maps it must not read
    weights = FinalModel("mlsscl_3d", lesions, tmp_path, **options).run()
    rows = json.loads((lesions / "datalist.json").read_text())["training"]
    record = read_training_record(weights)
    assert record["config"] == "train_segmentation"
    assert set(record["subjects"]["training"]) == {row["subject"] for row in rows}
    judged = pd.read_csv(tmp_path / "report/subjects.csv", dtype={"subject": str})
    assert sorted(judged["subject"]) == sorted(row["subject"] for row in rows)
    assert (weights.parent / "metrics.json").is_file() and not (weights.parent / "calibration.json").exists()
