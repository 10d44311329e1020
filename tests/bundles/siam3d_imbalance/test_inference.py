"""inference.json needs no Python of ours: an exported classifier in, predictions out."""

from __future__ import annotations

import json

import nibabel as nib
import numpy as np
import pytest
from monai.data import load_net_with_metadata
from monai.transforms import LoadImage, Orientation

from common.training_record import read_training_record
from tests.bundles.shared.inference import SharedInference


class TestInference(SharedInference):
    image_shapes = ((3, 4, 27, 27, 27), (1, 4, 33, 30, 47))  # any size
    brightest = 255
    needed = ("image", "mask")
    #: the metadata are those of the weights that ship, which take one modality
    test_network_data_format_is_what_the_network_takes_and_gives = None


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


def test_a_subject_keeps_its_zeros_and_is_text_whatever_it_looks_like(infer, tiny, tmp_path):
    row = json.loads((tiny["dataset_dir"] / "datalist.json").read_text())["training"][0]
    path = tmp_path / "digits.json"
    names = ["007", "NA", "nan", "1e3"]
    path.write_text(json.dumps({"testing": [{**row, "subject": name} for name in names]}))
    table, records = infer(datalist=path, section="testing")
    assert table["subject"][0] == "007" and [record["subject"] for record in records] == names


def test_a_second_run_replaces_the_predictions(infer, tmp_path):
    first, _ = infer(tmp_path)
    assert infer(tmp_path)[0].equals(first)


def test_dicom_folders_give_the_prediction_of_the_same_volumes_as_nifti(shared_data, infer, tmp_path):
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
    table = infer(datalist=path, section="testing", box_size=[64, 64, 24])[0].set_index("subject")
    assert list(table.index) == ["PGBM-001", "again"]
    np.testing.assert_allclose(table.loc["PGBM-001"], table.loc["again"], rtol=1e-5)
    assert table.loc["PGBM-001"].sum() == pytest.approx(1, abs=1e-5)
