"""From weights to feature tables, the linear probe's report and an evaluated classifier."""

from __future__ import annotations

import itertools
import json
import shutil

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import torch

from common.data import modality_names
from tests.bundles.shared.evaluation import SharedEvaluation


class TestEvaluation(SharedEvaluation):
    evaluated = "Supervised"


def test_the_table_of_learnt_features_has_a_row_for_each_subject(features, rows):
    table = pd.read_csv(features / "learnt_fold0.csv", dtype={"subject": str})
    names = [f"learnt_{column:03d}" for column in range(256)]
    assert list(table) == ["subject", "row", "fold", "label", *names]
    known = {row["subject"]: (row["fold"], row["label"]) for row in rows}
    assert {row.subject: (row.fold, row.label) for row in table.itertuples()} == known
    assert np.isfinite(table[names]).all(axis=None) and table[names].std().gt(0).any()


def test_the_features_are_those_of_the_encoder_in_evaluation_mode(features, open_bundle, configs, tiny, pretrained):
    overrides = tiny | {"checkpoint": pretrained, "output_dir": features}
    workflow = open_bundle(configs / "extract_features.yaml", workflow_type="infer", **overrides)
    workflow.initialize()
    table = pd.read_csv(features / "learnt_fold0.csv").filter(like="learnt_")
    encoder = workflow.parser.get_parsed_content("trained").eval()
    with torch.no_grad():
        expected = encoder(workflow.dataset[3]["image"][None].float())
    np.testing.assert_allclose(table.iloc[3], expected[0], rtol=1e-4, atol=1e-5)


def test_the_table_of_traditional_features_has_those_of_every_modality_and_shape_once(features, rows):
    pytest.importorskip("radiomics")
    table = pd.read_csv(features / "traditional.csv", dtype={"subject": str})
    num_images = len(rows[0]["image"])
    assert num_images > 1
    assert sum(column.startswith("original_shape") for column in table) == 14
    assert sum("original_" in column for column in table) == 14 + 93 * num_images
    assert sorted(table["subject"]) == sorted(row["subject"] for row in rows)


def test_without_pyradiomics_the_learnt_features_stand_alone(
    monkeypatch, caplog, run_config, configs, tiny, pretrained, tmp_path
):
    monkeypatch.setitem(__import__("sys").modules, "radiomics", None)
    overrides = tiny | {"checkpoint": pretrained, "output_dir": tmp_path / "features"}
    run_config(configs / "extract_features.yaml", workflow_type="infer", **overrides)
    assert (tmp_path / "features/learnt_fold0.csv").is_file()
    assert not (tmp_path / "features/traditional.csv").exists()
    reported = [record.message for record in caplog.records if "radiomics" in record.message.lower()]
    assert len(reported) == 1 and "\n" not in reported[0]


def test_the_probe_reports_each_set_beside_the_majority(features, run_config, configs, tiny, tmp_path):
    pytest.importorskip("radiomics")
    overrides = {"dataset_dir": tiny["dataset_dir"], "features_dir": features, "num_workers": 1, "quiet": True}
    overrides["c_grid"] = [0.01, 1.0]  # a quarter of the time
    run_config(configs / "linear_probe.yaml", workflow_type=None, output_dir=tmp_path, **overrides)
    summary = json.loads((tmp_path / "metrics.json").read_text())
    sets = [result["set"] for result in summary["results"]]
    assert len(sets) == 3 and any("+" in name and name.startswith("Trad") for name in sets)
    for result in summary["results"]:
        auc = result["metrics"]["auc"]
        assert 0 <= auc["low"] <= auc["value"] <= auc["high"] <= 1
    assert summary["majority_class"]["accuracy"]["value"] == pytest.approx(12 / 20)
    report = (tmp_path / "report.md").read_text()
    assert "Majority class" in report and "low grade" in report
    assert list((tmp_path / "figures").iterdir())
    predictions = pd.read_csv(tmp_path / "predictions.csv")
    assert len(predictions) == 3 * 20


def test_the_probe_of_learnt_features_alone_runs_from_one_transductive_table(
    features, run_config, configs, tiny, tmp_path
):
    alone = tmp_path / "features"
    alone.mkdir()
    shutil.copy(features / "learnt_fold0.csv", alone / "learnt_all.csv")
    overrides = {"dataset_dir": tiny["dataset_dir"], "features_dir": alone, "num_workers": 1, "quiet": True}
    overrides["c_grid"] = [0.01, 1.0]  # a quarter of the time
    output_dir = tmp_path / "probe"
    run_config(
        configs / "linear_probe.yaml", workflow_type=None, output_dir=output_dir, transductive="true", **overrides
    )
    assert len(json.loads((output_dir / "metrics.json").read_text())["results"]) == 1
    assert "transductive" in (output_dir / "report.md").read_text()


def test_shuffled_labels_are_reported_as_a_negative_control(features, run_config, configs, tiny, tmp_path):
    overrides = {"dataset_dir": tiny["dataset_dir"], "features_dir": features, "num_workers": 1, "quiet": True}
    overrides["c_grid"] = [0.01, 1.0]  # a quarter of the time
    options = {"shuffle_labels": "true", "traditional_table": tmp_path / "none.csv"}
    run_config(configs / "linear_probe.yaml", workflow_type=None, output_dir=tmp_path / "probe", **overrides, **options)
    assert "Negative control" in (tmp_path / "probe/report.md").read_text()


@pytest.mark.parametrize("masked", [False, True])
def test_features_of_slices_are_those_of_the_box_or_the_lesion_on_black(
    open_bundle, configs, tiny, rows, tmp_path, masked
):
    options = {
        "slices#encoder#encoder#path": None,
        "spacing": None,
        "masked_slices": masked,
    }  # random weights; voxels as they are
    workflow = open_bundle(
        configs / "extract_features.yaml", workflow_type="infer", **tiny, output_dir=tmp_path, **options
    )
    workflow.parser.get_parsed_content("imagenet_slices")
    table = pd.read_csv(tmp_path / "imagenet_slices.csv", dtype={"subject": str})
    assert table["subject"].tolist() == [row["subject"] for row in rows]
    assert len([name for name in table if name.startswith("imagenet_")]) == 1280 * len(rows[0]["image"])
    image = workflow.parser.get_parsed_content("slices#dataset")[0]["image"].numpy()
    plain = workflow.parser.get_parsed_content("dataset")[0]["image"].numpy()
    if not masked:
        assert (image == plain).all()
        return
    lesion = (image > 0).any(axis=0)
    assert 0 < lesion.mean() < 0.9 and (image[:, lesion] == plain[:, lesion]).all() and (image[:, ~lesion] == 0).all()


def test_modality_differences_have_the_names_of_the_modalities_and_a_row_for_each_subject(
    open_bundle, configs, tiny, rows, tmp_path
):
    workflow = open_bundle(
        configs / "extract_features.yaml", workflow_type="infer", **tiny, output_dir=tmp_path, standardize=True
    )
    workflow.parser.get_parsed_content("modality_differences")
    table = pd.read_csv(tmp_path / "modality_differences.csv", dtype={"subject": str})
    names = modality_names(tiny["dataset_dir"] / "datalist.json")
    pairs = [f"difference_{later} minus {earlier}" for earlier, later in itertools.combinations(names, 2)]
    assert table.filter(like="difference_").columns.tolist() == pairs and len(names) > 1
    assert table["subject"].tolist() == [row["subject"] for row in rows] and table[pairs].notna().all(axis=None)


def test_the_composition_is_that_of_the_mask_with_all_its_labels(open_bundle, configs, tiny, rows, tmp_path):
    workflow = open_bundle(configs / "extract_features.yaml", workflow_type="infer", **tiny, output_dir=tmp_path)
    workflow.parser.get_parsed_content("composition")
    table = pd.read_csv(tmp_path / "composition.csv")
    for row, (_, found) in zip(rows, table.filter(like="composition_").iterrows(), strict=True):
        voxels = np.asarray(nib.load(tiny["dataset_dir"] / row["mask"]).dataobj)
        for name, root in found.items():
            share = (voxels == int(name.removeprefix("composition_Label"))).sum() / (voxels > 0).sum()
            assert root == pytest.approx(np.sqrt(share))
