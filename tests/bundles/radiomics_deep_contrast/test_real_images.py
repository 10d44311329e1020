"""The whole way on real ultrasound: breast lesions with outlines stand in for thyroid nodules."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from common.data import assign_folds


@pytest.fixture(scope="module")
def cohort(shared_data, tmp_path_factory):
    """Folder of a datalist of 48 lesions in four folds, near duplicates in one."""
    root, folder = shared_data / "busi_256", tmp_path_factory.mktemp("busi")
    table = pd.read_csv(root / "labels.csv")
    rows = [
        {
            "image": str(root / f"images/{row.id}.png"),
            "mask": str(root / f"masks/{row.id}.png"),
            "subject": row.id,
            "group": row.near_duplicate_group,
            "label": label,
        }
        for label, name in enumerate(("benign", "malignant"))
        for row in table[table["label"] == name].head(24).itertuples()
    ]
    content = {"labels": {"0": "benign", "1": "malignant"}, "training": assign_folds(rows, 4, group="group")}
    (folder / "datalist.json").write_text(json.dumps(content))
    return folder


@pytest.mark.slow
def test_pretraining_features_probe_and_fine_tuning_run_on_real_ultrasound(cohort, tiny, configs, run_config, tmp_path):
    options = tiny | {"dataset_dir": cohort, "cache_dir": tmp_path / "cache", "apply_mask": "true"}
    pretrained = tmp_path / "pretrain"
    run_config(configs / "pretrain.yaml", output_dir=pretrained, **options | {"max_epochs": 12, "batch_size": 12})
    losses = pd.read_csv(pretrained / "metrics.csv")["loss"]
    chance = 2 * np.log(len([row for row in content(cohort) if row["fold"] != 0]))
    assert losses.iloc[-3:].mean() < min(chance, losses.iloc[0])
    features = {"checkpoint": pretrained / "model.pt", "output_dir": tmp_path / "features"}
    run_config(configs / "extract_features.yaml", workflow_type="infer", **options | features)
    probe = {"dataset_dir": cohort, "features_dir": tmp_path / "features", "num_workers": 1, "quiet": True}
    probe["learnt_tables"] = {"Radiomics-deep": str(tmp_path / "features/learnt_fold0.csv")}  # of one fold: a trial
    run_config(configs / "linear_probe.yaml", workflow_type=None, output_dir=tmp_path / "probe", **probe)
    results = json.loads((tmp_path / "probe/metrics.json").read_text())["results"]
    areas = {result["set"]: result["metrics"]["auc"]["value"] for result in results}
    assert areas["Trad. radiomics"] > 0.6 and areas["Radiomics-deep"] > 0.6, areas
    training = {"pretrained_encoder": pretrained / "model.pt", "max_epochs": 2, "label_fraction": 0.5}
    run_config(configs / "train.yaml", output_dir=tmp_path / "train", **options | training)
    evaluation = options | {"checkpoint": tmp_path / "train/model.pt", "output_dir": tmp_path / "evaluate"}
    run_config(configs / "evaluate.yaml", workflow_type="infer", **evaluation)
    held_out = {row["subject"] for row in content(cohort) if row["fold"] == 0}
    assert set(pd.read_csv(tmp_path / "evaluate/predictions.csv")["subject"]) == held_out


def content(folder) -> list[dict]:
    return json.loads((folder / "datalist.json").read_text())["training"]
