"""inference.json needs no Python of ours: an exported classifier in, predictions out."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import torch
from monai.bundle import verify_net_in_out
from monai.data import load_net_with_metadata

from tests.bundles.commands import export_classifier, run_bundle


@pytest.fixture(scope="module")
def exported(configs, tiny, classifier, tmp_path_factory):
    """The classifier as TorchScript."""
    path = tmp_path_factory.mktemp("exported") / "model.ts"
    return export_classifier(path, configs, classifier, model_name=tiny["model_name"])


@pytest.fixture
def evaluation(open_bundle, configs, tiny, classifier):
    """evaluate.yaml with the classifier."""
    workflow = open_bundle(configs / "evaluate.yaml", workflow_type="infer", checkpoint=classifier, **tiny)
    workflow.initialize()
    return workflow


@pytest.fixture
def infer(run_config, configs, tiny, exported, tmp_path):
    """Run inference.json on the phantoms: gives the table of ``predictions.csv``."""

    def infer(**overrides):
        values = {key: tiny[key] for key in ("dataset_dir", "image_size")}
        values |= {"checkpoint": exported, "output_dir": tmp_path, "section": "training"} | overrides
        run_config(configs / "inference.json", workflow_type="infer", **values)
        names = ["subject", "probability_0", "probability_1"]
        return pd.read_csv(tmp_path / "predictions.csv", names=names, dtype={"subject": str})

    return infer


def test_the_exported_network_gives_the_same_probabilities_as_the_eager_one(exported, evaluation):
    scripted, eager = torch.jit.load(exported).eval(), evaluation.parser.get_parsed_content("trained").eval()
    for shape in ((3, 3, 32, 32), (1, 3, 64, 64)):
        image = torch.randn(shape, generator=torch.Generator().manual_seed(0))
        with torch.no_grad():
            torch.testing.assert_close(scripted(image), eager(image), rtol=1e-5, atol=1e-6)


def test_the_exported_file_holds_metadata_and_inference_config(exported, configs):
    _, metadata, files = load_net_with_metadata(str(exported), more_extra_files=("inference.json", "evaluate.json"))
    assert metadata["version"] == json.loads((configs / "metadata.json").read_text())["version"]
    assert files["inference.json"].decode() == exported.with_name("inference.json").read_text()
    assert not files["evaluate.json"]  # it names our Python, which hospitals don't want


def test_unmasked_slices_get_the_predictions_of_evaluation(
    infer, evaluation, open_bundle, configs, tiny, classifier, without_record
):
    """inference.json takes images as they come: with masking off, both preprocess alike."""
    table = infer(amp="false").set_index("subject")
    options = tiny | {"checkpoint": without_record(classifier), "apply_mask": "false"}
    workflow = open_bundle(configs / "evaluate.yaml", workflow_type="infer", **options)
    workflow.initialize()
    network, normalize = (workflow.parser.get_parsed_content(name) for name in ("trained", "normalize"))
    for position, row in enumerate(workflow.dataset.data):
        with torch.no_grad():
            expected = network.eval()(normalize(workflow.dataset[position]["image"][None].float()))[0]
        np.testing.assert_allclose(table.loc[row["subject"]], expected, rtol=1e-4, atol=1e-5)


def test_both_files_of_predictions_name_every_subject(infer, tiny, tmp_path):
    subjects = [row["subject"] for row in json.loads((tiny["dataset_dir"] / "datalist.json").read_text())["training"]]
    table = infer()
    assert list(table["subject"]) == subjects
    np.testing.assert_allclose(table["probability_0"] + table["probability_1"], 1, atol=1e-5)
    records = json.loads((tmp_path / "predictions.json").read_text())
    assert [record["subject"] for record in records] == subjects


def test_inference_asks_for_no_label_and_no_mask(infer, tiny, tmp_path):
    rows = json.loads((tiny["dataset_dir"] / "datalist.json").read_text())["training"][:3]
    path = tmp_path / "unknown.json"
    path.write_text(json.dumps({"testing": [{key: row[key] for key in ("image", "subject")} for row in rows]}))
    assert len(infer(datalist=path, section="testing", batch_size=2)) == 3


def test_network_data_format_is_what_the_network_takes_and_gives(exported, configs):
    files = {"config_file": str(configs / "inference.json"), "meta_file": str(configs / "metadata.json")}
    verify_net_in_out(net_id="network_def", **files, checkpoint=str(exported), device="cpu")


@pytest.mark.slow
def test_the_command_line_predicts(configs, tiny, exported, tmp_path):
    values = {key: tiny[key] for key in ("dataset_dir", "image_size")} | {"section": "training", "amp": "false"}
    overrides = values | {"checkpoint": exported, "output_dir": tmp_path, "device": "cpu"}
    result = run_bundle("evaluating", [configs / "inference.json"], **overrides)
    assert result.returncode == 0, result.stderr
    assert len(json.loads((tmp_path / "predictions.json").read_text())) == 20
