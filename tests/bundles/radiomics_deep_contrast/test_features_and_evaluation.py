"""From weights to feature tables, the linear probe's report and an evaluated classifier."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import torch
from monai.bundle import ConfigParser
from PIL import Image

from common.as_trained import agreed_settings
from common.training_record import described
from tests.bundles.shared.evaluation import SharedEvaluation


class TestEvaluation(SharedEvaluation):
    evaluated = "Hybrid"


def test_the_tables_have_a_row_for_each_subject(features, rows):
    known = {row["subject"]: (row["fold"], row["label"]) for row in rows}
    for name, count in (("learnt_fold0.csv", 256), ("traditional.csv", 29)):
        table = pd.read_csv(features / name, dtype={"subject": str})
        assert {row.subject: (row.fold, row.label) for row in table.itertuples()} == known
        values = table.drop(columns=["subject", "row", "fold", "label", "status"], errors="ignore")
        assert values.shape[1] == count and np.isfinite(values).all(axis=None)


def test_the_features_are_both_vectors_in_evaluation_mode(features, open_bundle, configs, tiny, pretrained):
    overrides = tiny | {"checkpoint": pretrained, "output_dir": features}
    workflow = open_bundle(configs / "extract_features.yaml", workflow_type="infer", **overrides)
    workflow.initialize()
    network = workflow.parser.get_parsed_content("trained").hybrid.eval()
    row = workflow.dataset[3]
    with torch.no_grad():
        expected = torch.cat(network(row["image"][None], row["radiomics"][None]), dim=1)[0]
    table = pd.read_csv(features / "learnt_fold0.csv").filter(like="learnt_")
    np.testing.assert_allclose(table.iloc[3], expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize(("view", "count"), [("image", 128), ("radiomics", 128), ("pooled", 128)])
def test_each_view_has_features_of_its_own(view, count, run_config, configs, tiny, pretrained, tmp_path):
    overrides = tiny | {"checkpoint": pretrained, "output_dir": tmp_path, "view": view}
    run_config(configs / "extract_features.yaml", workflow_type="infer", **overrides)
    assert pd.read_csv(tmp_path / "learnt_fold0.csv").filter(like="learnt_").shape == (20, count)


@pytest.mark.parametrize(
    ("overlays", "of_features"),
    [(["autoencoder"], ["image_only"]), (["jigsaw"], ["image_only"]), (["simclr"], ["image_only"]), (["kidney"], [])],
)
def test_features_are_read_as_the_pretraining_prepared_images_with_the_same_overlays(overlays, of_features, configs):
    shared = [name for name in overlays if name == "kidney"]  # of all stages
    record, content = (
        ConfigParser.load_config_files([configs / f"{name}.yaml" for name in names])
        for names in (["pretrain", *overlays], ["pretrain", "extract_features", *shared, *of_features])
    )
    trained = {"config": "pretrain", "settings": described(record, lambda name: 1)}
    changed = agreed_settings(trained, content, str(configs.parent), "pretrain", "model.pt")
    assert "attach_radiomics" not in changed and "radiomics_settings" not in changed


def test_radiomics_can_be_measured_without_a_network(configs, tiny, tmp_path, open_bundle):
    overrides = tiny | {"checkpoint": "nowhere.pt", "output_dir": tmp_path}
    files = [configs / "extract_features.yaml", configs / "without_shape.yaml"]
    workflow = open_bundle(*files, workflow_type=None, run_id="traditional", **overrides)
    workflow.initialize()
    workflow.run()
    table = pd.read_csv(tmp_path / "traditional.csv")
    assert len(table) == 20 and len(table.filter(like="original_").columns) == 29 - 9
    assert table.filter(like="shape").empty


def test_the_position_is_the_centre_of_the_mask_in_its_image(open_bundle, configs, tiny, rows, tmp_path):
    workflow = open_bundle(configs / "extract_features.yaml", workflow_type="infer", **tiny, output_dir=tmp_path)
    workflow.parser.get_parsed_content("position")
    table = pd.read_csv(tmp_path / "position.csv", dtype={"subject": str}).set_index("subject")
    for row in rows:
        mask = np.asarray(Image.open(tiny["dataset_dir"] / row["mask"]))
        y, x = (np.argwhere(mask).mean(0) + 0.5) / mask.shape[:2]
        assert table.loc[row["subject"], ["position_X", "position_Y"]].tolist() == pytest.approx([x, y])


def test_the_probe_reports_learnt_and_traditional_features_beside_the_majority(
    features, run_config, configs, tiny, tmp_path
):
    overrides = {"dataset_dir": tiny["dataset_dir"], "features_dir": features, "num_workers": 1, "quiet": True}
    overrides |= {"seeds": [0, 1], "label_fractions": [0.5, 1.0], "c_grid": [0.01, 1.0]}
    run_config(configs / "linear_probe.yaml", workflow_type=None, output_dir=tmp_path, **overrides)
    summary = json.loads((tmp_path / "metrics.json").read_text())
    names = {"Radiomics-deep", "Trad. radiomics", "Trad. + Radiomics-deep"}
    assert {result["set"] for result in summary["results"]} == names and summary["subjects"] == 20
    assert "Majority class" in (tmp_path / "report.md").read_text()


@pytest.mark.slow
def test_shuffled_labels_score_like_chance(features, run_config, configs, many_features, tmp_path):
    overrides = {"dataset_dir": many_features, "features_dir": many_features, "num_workers": 1, "quiet": True}
    overrides |= {"learnt_tables": {"Radiomics": str(many_features / "traditional.csv")}, "traditional_table": "none"}
    areas = {}
    for shuffle in ("false", "true"):
        options = overrides | {"shuffle_labels": shuffle, "output_dir": tmp_path / shuffle}
        run_config(configs / "linear_probe.yaml", workflow_type=None, **options)
        (result,) = json.loads((tmp_path / shuffle / "metrics.json").read_text())["results"]
        areas[shuffle] = result["metrics"]["auc"]["value"]
    assert areas["false"] > 0.75 and 0.3 < areas["true"] < 0.7, areas


@pytest.fixture
def many_features(many_phantoms, configs, tiny, open_bundle):
    """The larger cohort, with its radiomics beside it."""
    overrides = tiny | {"dataset_dir": many_phantoms, "checkpoint": "nowhere.pt", "output_dir": many_phantoms}
    workflow = open_bundle(configs / "extract_features.yaml", workflow_type=None, run_id="traditional", **overrides)
    workflow.initialize()
    workflow.run()
    return many_phantoms
