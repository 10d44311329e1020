"""inference.json needs no Python of ours: an exported classifier in, predictions out."""

from __future__ import annotations

import json

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import torch
from monai.data import load_net_with_metadata
from monai.transforms import LoadImage, Orientation

from common.training_record import read_training_record
from tests.bundles.commands import export_classifier, run_bundle


@pytest.fixture(scope="module")
def exported(configs, classifier, tmp_path_factory):
    """The classifier as TorchScript."""
    path = tmp_path_factory.mktemp("exported") / "model.ts"
    return export_classifier(path, configs, classifier, channels=[4, 4, 4, 4])


@pytest.fixture
def eager(open_bundle, configs, tiny, classifier):
    """The classifier as evaluate.yaml runs it."""
    workflow = open_bundle(configs / "evaluate.yaml", workflow_type="infer", checkpoint=classifier, **tiny)
    workflow.initialize()
    return workflow.parser.get_parsed_content("trained").eval()


@pytest.fixture
def infer(run_config, configs, tiny, exported, tmp_path):
    """Run the exported inference.json on the phantoms: gives the table of ``predictions.csv``."""

    def infer(**overrides):
        values = {key: tiny[key] for key in ("dataset_dir", "box_size")}
        values |= {"checkpoint": exported, "output_dir": tmp_path, "section": "training"} | overrides
        run_config(exported.with_name("inference.json"), workflow_type="infer", **values)
        num_classes = overrides.get("num_classes", 2)
        names = ["subject", *(f"probability_{k}" for k in range(num_classes))]
        return pd.read_csv(tmp_path / "predictions.csv", names=names, dtype={"subject": str})

    return infer


def test_the_exported_network_gives_the_same_probabilities_as_the_eager_one(exported, eager):
    scripted = torch.jit.load(exported).eval()
    for shape in ((3, 4, 27, 27, 27), (1, 4, 33, 30, 47)):  # any size
        image = 255 * torch.rand(shape, generator=torch.Generator().manual_seed(0))
        with torch.no_grad():
            torch.testing.assert_close(scripted(image), eager(image), rtol=1e-5, atol=1e-6)


def test_the_exported_file_holds_metadata_and_inference_config(exported, configs):
    names = ("inference.json", "evaluate.json")
    _, metadata, files = load_net_with_metadata(str(exported), more_extra_files=names)
    assert metadata["version"] == json.loads((configs / "metadata.json").read_text())["version"]
    assert files["inference.json"].decode() == exported.with_name("inference.json").read_text()
    assert not files["evaluate.json"]  # it names our Python, which hospitals don't want


def test_the_exported_metadata_are_those_of_the_weights_and_not_of_the_ones_that_ship(
    exported, configs, tiny, classifier
):
    _, metadata, _ = load_net_with_metadata(str(exported))
    record = read_training_record(classifier)
    inputs, outputs = (metadata["network_data_format"][kind] for kind in ("inputs", "outputs"))
    assert list(inputs["image"]["channel_def"].values()) == record["modalities"]
    assert list(outputs["pred"]["channel_def"].values()) == record["classes"]
    assert (inputs["image"]["num_channels"], outputs["pred"]["num_channels"]) == (4, 2)
    assert inputs["image"]["spatial_shape"] == list(tiny["box_size"]) and outputs["pred"]["spatial_shape"] == []
    ours = json.loads((configs / "metadata.json").read_text())
    assert (
        metadata["eval_metrics"] == {"held_out_subjects": 0}
        and ours["eval_metrics"]
        and "LIDC" not in str(metadata["data_source"])
    )
    assert metadata["label_classes"] == ", ".join(f"{key}: {name}" for key, name in enumerate(record["classes"]))
    assert "LIDC" in str(ours["reference_limitations"]) and "LIDC" not in str(metadata["limitations"])


def test_the_exported_inference_config_is_set_as_the_classifier_was_trained(exported, configs, tiny):
    found = json.loads(exported.with_name("inference.json").read_text())
    ours = json.loads((configs / "inference.json").read_text())  # of the weights that ship
    assert (found["in_channels"], found["box_size"], found["spacing"]) == (4, list(tiny["box_size"]), None)
    assert found["scale_intensity"]["_target_"] == "ScaleIntensityd"
    assert found["preprocessing"] == ours["preprocessing"] and found["box_size"] != ours["box_size"]


def test_the_predictions_are_those_of_the_eager_network_on_the_same_voxels(
    infer, eager, open_bundle, configs, tiny, classifier
):
    table = infer(amp="false")
    workflow = open_bundle(configs / "evaluate.yaml", workflow_type="infer", checkpoint=classifier, **tiny)
    workflow.initialize()
    rows = pd.DataFrame(workflow.dataset.data)
    for position, subject in enumerate(rows["subject"]):
        with torch.no_grad():
            expected = eager(workflow.dataset[position]["image"][None].float())[0]
        found = table.set_index("subject").loc[subject]
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_both_files_of_predictions_name_every_subject(infer, tiny, tmp_path):
    subjects = [row["subject"] for row in json.loads((tiny["dataset_dir"] / "datalist.json").read_text())["training"]]
    table = infer()
    assert list(table["subject"]) == subjects
    np.testing.assert_allclose(table["probability_0"] + table["probability_1"], 1, atol=1e-5)
    records = json.loads((tmp_path / "predictions.json").read_text())
    assert [record["subject"] for record in records] == subjects
    np.testing.assert_allclose([r["probability_1"] for r in records], table["probability_1"], rtol=1e-4)


def test_inference_asks_for_no_label(infer, tiny, tmp_path):
    datalist = json.loads((tiny["dataset_dir"] / "datalist.json").read_text())
    rows = [{key: row[key] for key in ("image", "mask", "subject")} for row in datalist["training"][:3]]
    path = tmp_path / "unknown.json"
    path.write_text(json.dumps({"testing": rows}))
    assert len(infer(datalist=path, section="testing", batch_size=2)) == 3


def test_a_subject_keeps_its_zeros_and_is_text_whatever_it_looks_like(infer, tiny, tmp_path):
    row = json.loads((tiny["dataset_dir"] / "datalist.json").read_text())["training"][0]
    path = tmp_path / "digits.json"
    names = ["007", "NA", "nan", "1e3"]
    path.write_text(json.dumps({"testing": [{**row, "subject": name} for name in names]}))
    assert infer(datalist=path, section="testing")["subject"][0] == "007"
    assert [row["subject"] for row in json.loads((tmp_path / "predictions.json").read_text())] == names


def test_a_second_run_replaces_the_predictions(infer):
    first = infer()
    assert infer().equals(first)


def test_dicom_folders_give_the_prediction_of_the_same_volumes_as_nifti(shared_data, infer, eager, tmp_path):
    study = next(path for path in sorted((shared_data / "pgbm_dicom/PGBM-001").iterdir()) if path.is_dir())
    names = ["FLAIR_reg", "T1pre_reg", "T1post", "T2_reg"]
    dicom = {"image": [str(study / name) for name in names], "mask": str(study / "Mask_Tumor"), "subject": "PGBM-001"}
    load, orient = LoadImage(ensure_channel_first=True), Orientation(axcodes="RAS", labels=None)
    for name in [*names, "Mask_Tumor"]:
        volume = orient(load(str(study / name)))
        nib.save(nib.Nifti1Image(volume[0].numpy(), volume.affine.numpy()), tmp_path / f"{name}.nii.gz")
    nifti = {
        "image": [str(tmp_path / f"{name}.nii.gz") for name in names],
        "mask": str(tmp_path / "Mask_Tumor.nii.gz"),
        "subject": "again",
    }
    path = tmp_path / "dicom.json"
    path.write_text(json.dumps({"testing": [dicom, nifti]}))
    table = infer(datalist=path, section="testing", box_size=[64, 64, 24]).set_index("subject")
    assert list(table.index) == ["PGBM-001", "again"]
    np.testing.assert_allclose(table.loc["PGBM-001"], table.loc["again"], rtol=1e-5)
    assert table.loc["PGBM-001"].sum() == pytest.approx(1, abs=1e-5)


@pytest.mark.slow
def test_the_command_line_predicts(configs, tiny, exported, tmp_path):
    values = {key: tiny[key] for key in ("dataset_dir", "box_size")} | {"section": "training", "amp": "false"}
    overrides = values | {"checkpoint": exported, "output_dir": tmp_path, "device": "cpu"}
    result = run_bundle("evaluating", [exported.with_name("inference.json")], **overrides)
    assert result.returncode == 0, result.stderr
    assert len(json.loads((tmp_path / "predictions.json").read_text())) == 20
