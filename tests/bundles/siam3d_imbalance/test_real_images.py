"""The whole way on real MR volumes: 62 patients with low-grade glioma, three sequences."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest

from common.data.cohorts import lgg_datalist
from tests.bundles.commands import run_bundle


@pytest.fixture(scope="module")
def cohort(shared_data, tmp_path_factory):
    """Folder of a datalist of 16 complete patients: two of each grade in each of four folds."""
    folder = tmp_path_factory.mktemp("lgg")
    lgg_datalist(shared_data / "lgg_96", folder / "all.json", incomplete="drop", num_folds=4)
    content = json.loads((folder / "all.json").read_text())
    rows = [row for fold in range(4) for row in content["training"] if row["fold"] == fold]
    content["training"] = [row for fold in range(4) for row in few_of_each_grade(rows, fold)]
    (folder / "datalist.json").write_text(json.dumps(content))
    return folder


def few_of_each_grade(rows: list[dict], fold: int) -> list[dict]:
    here = [row for row in rows if row["fold"] == fold]
    return [row for label in (0, 1) for row in [row for row in here if row["label"] == label][:2]]


@pytest.mark.slow
def test_pretraining_features_and_probe_run_on_real_mr(cohort, configs, run_config, tmp_path):
    sizes = {"in_channels": 3, "box_size": [60, 60, 20], "image_size": [30, 30, 20], "channels": [8, 8, 16, 16]}
    common = sizes | {"dataset_dir": cohort, "cache_dir": tmp_path / "cache", "quiet": True}
    for strategy in ("plain", "re", "se"):
        overrides = common | {"max_epochs": 2, "batch_size": 4, "candidates_per_cluster": 5, "amp": "true"}
        output_dir = tmp_path / strategy
        files = [configs / "pretrain.yaml", configs / f"{strategy}.yaml"]
        run_config(*files, output_dir=output_dir, **overrides)
        metrics = pd.read_csv(output_dir / "metrics.csv")
        assert metrics["loss"].between(-1, 4).all() and metrics["feature_std"].gt(0).all()
    features = common | {"checkpoint": tmp_path / "se/model.pt", "output_dir": tmp_path / "features"}
    run_config(configs / "extract_features.yaml", workflow_type="infer", transductive="true", **features)
    learnt = pd.read_csv(tmp_path / "features/learnt_all.csv")
    assert len(learnt) == 16 and np.isfinite(learnt.filter(like="learnt_")).all(axis=None)
    probe = {"dataset_dir": cohort, "features_dir": tmp_path / "features", "output_dir": tmp_path / "probe"}
    result = run_bundle("evaluating", [configs / "linear_probe.yaml"], transductive="true", num_workers=1, **probe)
    assert result.returncode == 0, result.stderr
    summary = json.loads((tmp_path / "probe/metrics.json").read_text())
    assert summary["subjects"] == 16
    assert summary["majority_class"]["accuracy"]["value"] == pytest.approx(0.5)
    assert all(0 <= result["metrics"]["auc"]["value"] <= 1 for result in summary["results"])
