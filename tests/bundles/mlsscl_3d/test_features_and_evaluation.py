"""From weights to a feature table, the linear probe's report and an evaluated classifier."""

from __future__ import annotations

import json
import shutil

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import torch

from tests.bundles.shared.evaluation import SharedEvaluation


class TestEvaluation(SharedEvaluation):
    evaluated = "Fine-tuned"


@pytest.fixture
def visits(rows):
    """Place in the datalist -> (subject, session, fold, label)."""
    assert len({row["subject"] for row in rows}) < len(rows)  # some came twice
    return {place: tuple(row[key] for key in ("subject", "session", "fold", "label")) for place, row in enumerate(rows)}


@pytest.fixture
def features(run_config, configs, tiny, pretrained, tmp_path):
    """Folder of the table of extract_features.yaml, and the workflow that wrote it."""
    overrides = tiny | {"checkpoint": pretrained, "output_dir": tmp_path / "features", "amp": "false"}
    return run_config(configs / "extract_features.yaml", workflow_type="infer", **overrides), tmp_path / "features"


def test_the_table_of_features_has_a_row_for_each_visit_by_the_backbone(features, visits):
    workflow, folder = features
    table = pd.read_csv(folder / "learnt_fold0.csv", dtype={"subject": str, "session": str})
    names = [f"learnt_{column:03d}" for column in range(8)]
    assert list(table) == ["subject", "session", "row", "fold", "label", *names]
    assert {row.row: (row.subject, row.session, row.fold, row.label) for row in table.itertuples()} == visits
    backbone = workflow.parser.get_parsed_content("trained").eval()
    with torch.no_grad():
        expected = backbone(workflow.dataset[3]["image"][None].float())
    np.testing.assert_allclose(table[names].iloc[3], expected[0], rtol=1e-4, atol=1e-5)


def test_the_probe_reports_the_features_beside_the_majority(features, run_config, configs, tiny, tmp_path):
    _, folder = features
    for fold in (1, 2):  # as if each fold had its own encoder
        shutil.copy(folder / "learnt_fold0.csv", folder / f"learnt_fold{fold}.csv")
    overrides = {"dataset_dir": tiny["dataset_dir"], "features_dir": folder, "num_workers": 1, "quiet": True}
    overrides["c_grid"] = [0.01, 1.0]  # a quarter of the time
    options = {"validation_fraction": 0.5, "label_fractions": [0.5, 1.0]}
    run_config(configs / "linear_probe.yaml", workflow_type=None, output_dir=tmp_path / "probe", **overrides, **options)
    summary = json.loads((tmp_path / "probe/metrics.json").read_text())
    assert {(row["set"], row["fraction"]) for row in summary["results"]} == {("MLSSCL", 0.5), ("MLSSCL", 1.0)}
    assert "subjects have several images or visits" in (tmp_path / "probe/report.md").read_text()


def test_outlines_are_those_of_the_masks_that_all_else_ignores(open_bundle, configs, tiny, rows, tmp_path):
    masked = []
    for number, row in enumerate(rows[:2], start=1):
        file = str(tiny["dataset_dir"] / row["image"])
        image = nib.load(file)
        mask = np.zeros(image.shape, np.uint8)
        mask[2 : 2 + number, 2:4, 2:4] = 1
        nib.save(nib.Nifti1Image(mask, image.affine), tmp_path / f"{number}.nii.gz")
        masked.append({**row, "image": file, "mask": str(tmp_path / f"{number}.nii.gz")})
    (tmp_path / "datalist.json").write_text(json.dumps({"training": masked}))
    options = tiny | {"dataset_dir": tmp_path, "output_dir": tmp_path}
    workflow = open_bundle(configs / "extract_features.yaml", workflow_type="infer", **options)
    workflow.parser.get_parsed_content("outline")
    table = pd.read_csv(tmp_path / "outline.csv")
    assert table["outline_LogVolume"].diff()[1] == pytest.approx(np.log(2)) and len(table) == 2


def test_features_of_slices_are_those_of_the_whole_volumes(open_bundle, configs, tiny, visits, tmp_path):
    options = {"slices#encoder#encoder#path": None}  # random weights
    workflow = open_bundle(
        configs / "extract_features.yaml", workflow_type="infer", **tiny, output_dir=tmp_path, **options
    )
    workflow.parser.get_parsed_content("imagenet_slices")
    table = pd.read_csv(tmp_path / "imagenet_slices.csv", dtype={"subject": str, "session": str})
    assert {row.row: (row.subject, row.session, row.fold, row.label) for row in table.itertuples()} == visits
    encoder = workflow.parser.get_parsed_content("slices#encoder").eval()
    with torch.no_grad():
        expected = encoder(workflow.parser.get_parsed_content("dataset")[3]["image"][None].float())
    np.testing.assert_allclose(table.filter(like="imagenet_").iloc[3], expected[0], rtol=1e-4, atol=1e-5)
