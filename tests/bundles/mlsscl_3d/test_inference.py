"""inference.json needs no Python of ours: an exported classifier in, predictions out."""

from __future__ import annotations

import json

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import torch
from monai.bundle import verify_net_in_out
from monai.data import load_net_with_metadata

from tests.bundles.commands import export_classifier


@pytest.fixture(scope="module")
def exported(configs, classifier, tiny, tmp_path_factory):
    """The classifier as TorchScript."""
    path = tmp_path_factory.mktemp("exported") / "model.ts"
    return export_classifier(path, configs, classifier, channels=tiny["channels"])


@pytest.fixture
def evaluation(open_bundle, configs, tiny, classifier):
    """evaluate.yaml with the classifier."""
    workflow = open_bundle(configs / "evaluate.yaml", workflow_type="infer", checkpoint=classifier, **tiny)
    workflow.initialize()
    return workflow


@pytest.fixture
def infer(run_config, configs, tiny, exported, tmp_path):
    """Run the exported inference.json on rows of a datalist: gives the table of ``predictions.csv``."""

    def infer(rows: list[dict], **overrides):
        (tmp_path / "datalist.json").write_text(json.dumps({"testing": rows}))
        values = {"dataset_dir": tmp_path, "image_size": tiny["image_size"], "checkpoint": exported}
        output_dir = tmp_path / "output"
        run_config(
            exported.with_name("inference.json"), workflow_type="infer", output_dir=output_dir, **values | overrides
        )
        names = ["subject", "probability_0", "probability_1"]
        return pd.read_csv(output_dir / "predictions.csv", names=names, dtype={"subject": str})

    return infer


@pytest.fixture
def rows(tiny):
    """The cohort's rows with absolute paths and no more than inference needs."""
    folder = tiny["dataset_dir"]
    rows = json.loads((folder / "datalist.json").read_text())["training"]
    return [{"image": str(folder / row["image"]), "subject": row["subject"], "session": row["session"]} for row in rows]


def test_the_exported_network_gives_the_same_probabilities_as_the_eager_one(exported, evaluation):
    scripted, eager = torch.jit.load(exported).eval(), evaluation.parser.get_parsed_content("trained").eval()
    for shape in ((3, 1, 32, 32, 32), (1, 1, 33, 30, 47)):  # any size
        image = 255 * torch.rand(shape, generator=torch.Generator().manual_seed(0))
        with torch.no_grad():
            torch.testing.assert_close(scripted(image), eager(image), rtol=1e-5, atol=1e-6)


def test_the_exported_file_holds_metadata_and_inference_config(exported, configs):
    _, metadata, files = load_net_with_metadata(str(exported), more_extra_files=("inference.json", "evaluate.json"))
    assert metadata["version"] == json.loads((configs / "metadata.json").read_text())["version"]
    assert files["inference.json"].decode() == exported.with_name("inference.json").read_text()
    assert not files["evaluate.json"]  # it names our Python, which hospitals don't want


def test_the_predictions_are_those_of_the_eager_network_for_every_visit(infer, evaluation, rows, tmp_path):
    table = infer(rows).set_index("subject")
    assert list(table.index) == [f"{row['subject']}_{row['session']}" for row in rows]
    records = json.loads((tmp_path / "output/predictions.json").read_text())
    assert [record["subject"] for record in records] == list(table.index)
    eager = evaluation.parser.get_parsed_content("trained").eval()
    for position in range(3):
        item = evaluation.dataset[position]
        with torch.no_grad():
            expected = eager(item["image"][None])[0]
        found = table.loc[f"{item['subject']}_{item['session']}"]
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_however_a_volume_lies_in_its_file_the_prediction_is_the_same(infer, rows, tmp_path):
    """RAS, LPS and other axes of one brain: the anatomical axes count, not those of the file."""
    image = nib.load(rows[0]["image"])
    for axes in ("RAS", "LPS", "PIR"):
        change = nib.orientations.ornt_transform(nib.io_orientation(image.affine), nib.orientations.axcodes2ornt(axes))
        nib.save(image.as_reoriented(change), tmp_path / f"{axes}.nii.gz")
    table = infer([{"image": f"{axes}.nii.gz", "subject": axes} for axes in ("RAS", "LPS", "PIR")])
    values = table[["probability_0", "probability_1"]].to_numpy()
    np.testing.assert_allclose(values, values[:1].repeat(3, axis=0), rtol=1e-4)


def test_network_data_format_is_what_the_network_takes_and_gives(exported, configs):
    files = {"config_file": str(configs / "inference.json"), "meta_file": str(configs / "metadata.json")}
    verify_net_in_out(net_id="network_def", **files, checkpoint=str(exported), device="cpu")
