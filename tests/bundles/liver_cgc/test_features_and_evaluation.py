"""From weights to feature tables, the linear probe's report, an evaluated classifier and explanations."""

from __future__ import annotations

import json
import shutil

import numpy as np
import pandas as pd
import pytest
import torch

from common.training_record import read_training_record, with_training_record
from tests.bundles.commands import run_bundle
from tests.bundles.shared.evaluation import SharedEvaluation

MODALITIES = ["T1", "T2", "OUT"]


class TestEvaluation(SharedEvaluation):
    evaluated = "Fine-tuned"


@pytest.mark.parametrize("modality", MODALITIES)
def test_each_modality_has_a_table_with_a_row_for_each_subject(modality, features, rows):
    table = pd.read_csv(features / f"learnt_fold0_{modality}.csv", dtype={"subject": str})
    names = [f"learnt_{column:03d}" for column in range(256)]
    assert list(table) == ["subject", "row", "fold", "label", *names]
    known = {row["subject"]: (row["fold"], row["label"]) for row in rows}
    assert {row.subject: (row.fold, row.label) for row in table.itertuples()} == known
    assert np.isfinite(table[names]).all(axis=None) and table[names].std().gt(0).any()


def test_the_features_are_those_of_encoder_and_projector_in_evaluation_mode(
    features, open_bundle, configs, tiny, pretrained
):
    overrides = tiny | {"checkpoint": pretrained, "output_dir": features}
    workflow = open_bundle(configs / "extract_features.yaml", workflow_type="infer", **overrides)
    workflow.initialize()
    network, normalize = (workflow.parser.get_parsed_content(name) for name in ("trained", "normalize"))
    image = normalize(workflow.dataset[3]["image"][None].float())
    for channel, modality in enumerate(MODALITIES):
        table = pd.read_csv(features / f"learnt_fold0_{modality}.csv").filter(like="learnt_")
        with torch.no_grad():
            expected = network.encoder.eval()(image[:, channel : channel + 1])
        np.testing.assert_allclose(table.iloc[3], expected[0], rtol=1e-3, atol=1e-5)


def test_the_probe_reports_each_modality_beside_the_majority(features, run_config, configs, tiny, tmp_path):
    overrides = {"dataset_dir": tiny["dataset_dir"], "features_dir": features, "num_workers": 1, "quiet": True}
    overrides |= {"c_grid": [0.01, 1.0]}
    run_config(configs / "linear_probe.yaml", workflow_type=None, output_dir=tmp_path, seeds=[0, 1], **overrides)
    summary = json.loads((tmp_path / "metrics.json").read_text())
    assert [result["set"] for result in summary["results"]] == [f"SimSiam+ ({modality})" for modality in MODALITIES]
    assert summary["majority_class"]["accuracy"]["value"] == pytest.approx(0.6)
    for result in summary["results"]:
        accuracy = result["metrics"]["accuracy"]
        assert 0 <= accuracy["low"] <= accuracy["value"] <= accuracy["high"] <= 1
    report = (tmp_path / "report.md").read_text()
    assert "Majority class" in report and "±" in report


@pytest.mark.parametrize("recorded", [True, False])
def test_a_missing_modality_is_flagged_in_the_predictions(
    run_config, configs, tiny, classifier, without_t2, rows, tmp_path, recorded
):
    missing = {}
    if recorded:  # by the training of the checkpoint
        record = read_training_record(classifier)
        assert record["settings"]["missing"] == "refuse"
        record["settings"]["missing"] = "zeros"
        weights = with_training_record(torch.load(classifier, weights_only=True), record)
        torch.save(weights, classifier := tmp_path / "model.pt")
    else:
        missing = {"missing": "zeros"}
    overrides = tiny | {"checkpoint": classifier, "output_dir": tmp_path, "datalist": without_t2, "fold": 1}
    overrides["allow_training_subjects"] = True  # it is of fold 0
    run_config(configs / "evaluate.yaml", workflow_type="infer", **missing, **overrides)
    table = pd.read_csv(tmp_path / "predictions.csv", dtype={"subject": str}, keep_default_na=False)
    flagged = dict(zip(table["subject"], table["missing"], strict=True))
    assert {subject: names for subject, names in flagged.items() if names} == {rows[3]["subject"]: "T2"}


@pytest.fixture(scope="module")
def one_modality(configs, tiny, pretrained, tmp_path_factory):
    """``{modality}/model.pt`` of classifiers of one modality each."""
    folder = tmp_path_factory.mktemp("single")
    overrides = tiny | {"max_epochs": 1, "batch_size": 8, "pretrained_encoder": pretrained, "modality": "T1"}
    files = [configs / "train.yaml", configs / "single.yaml"]
    result = run_bundle("training", files, output_dir=folder / "T1", device="cpu", **overrides)
    assert result.returncode == 0, result.stderr
    for modality in MODALITIES[1:]:  # its weights will do for the others too
        shutil.copytree(folder / "T1", folder / modality)
    return folder


def test_explanation_draws_the_figure_of_three_models_and_measures_them(
    run_config, configs, tiny, classifier, one_modality, rows, tmp_path
):
    held_out = [row["subject"] for row in rows if row["fold"] == 0][:2]
    single = f"{one_modality}/{{modality}}/model.pt"
    overrides = tiny | {"checkpoint": classifier, "single_checkpoint": single, "linear_checkpoint": single}
    overrides |= {"subjects": held_out, "output_dir": tmp_path}
    run_config(configs / "explain.yaml", workflow_type=None, **overrides)
    for subject in held_out:
        assert (tmp_path / f"{subject}.png").is_file()
        assert len(list(tmp_path.glob(f"{subject}_*.png"))) == 9  # three models, three modalities
        maps = [np.load(path) for path in tmp_path.glob(f"{subject}_*.npy")]
        assert len(maps) == 3 and all(each.shape == (3, 32, 32) and each.min() >= 0 for each in maps)
    table = pd.read_csv(tmp_path / "explanations.csv")
    assert len(table) == 2 * 9 and table["energy_inside"].dropna().between(0, 1).all()


def test_explanation_of_the_fused_network_alone_needs_no_other_checkpoint(
    run_config, configs, tiny, classifier, rows, tmp_path
):
    subject = next(row["subject"] for row in rows if row["fold"] == 0)
    overrides = tiny | {"checkpoint": classifier, "subjects": [subject], "output_dir": tmp_path}
    run_config(configs / "explain.yaml", workflow_type=None, **overrides)
    assert len(list(tmp_path.glob(f"{subject}_*.png"))) == 3


def test_modality_differences_have_the_names_of_the_modalities(open_bundle, configs, tiny, rows, tmp_path):
    workflow = open_bundle(configs / "extract_features.yaml", workflow_type="infer", **tiny, output_dir=tmp_path)
    workflow.parser.get_parsed_content("modality_differences")
    table = pd.read_csv(tmp_path / "modality_differences.csv", dtype={"subject": str})
    names = table.filter(like="difference_").columns.tolist()
    assert names == ["difference_T2 minus T1", "difference_OUT minus T1", "difference_OUT minus T2"]
    assert table["subject"].tolist() == [row["subject"] for row in rows] and table[names].notna().all(axis=None)
