from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from monai.transforms import Compose

from common.deploy.consumers.monai_label import label_inference, loading_of_one_file, write_monai_label
from common.deploy.consumers.monai_label_training import label_training
from common.deploy.package import package_bundle
from common.deploy.packaging.plain_inference import plain_inference
from common.deploy.packaging.trained_configs import with_known_sizes
from common.deploy.prediction.classifier import open_classifier
from common.deploy.verification.archive import open_archive
from common.deploy.verification.scan.configs import scan_config
from common.errors import InputError
from common.references import evaluated
from tests.bundles.bundle_files import read_config
from tests.common.deploy.consumers.label_studies import write_sample, write_study, write_volume
from tests.common.deploy.tiny_bundles import FOLDERS, SETTINGS, tiny_configs

EACH_BUNDLE = pytest.mark.parametrize("bundle", SETTINGS)


def metadata_of(bundle: str) -> dict:
    return read_config(FOLDERS[bundle] / "configs/metadata.json")


def preprocessed(config: dict, row: dict) -> torch.Tensor:
    return torch.as_tensor(evaluated(config, "preprocessing")(row)["image"])


@pytest.fixture
def studies(tmp_path):
    (tmp_path / "studies").mkdir()
    return tmp_path / "studies"


@EACH_BUNDLE
def test_one_file_is_preprocessed_as_the_files_of_a_datalist(bundle, studies):
    inference = plain_inference(tiny_configs(bundle)["inference"])
    row = write_study(bundle, studies, "study", seed=1)
    (file,) = studies.iterdir()
    config = label_inference(inference, metadata_of(bundle), bundle)
    found = preprocessed(config, {"image": str(file), "device": "cpu"})
    expected = preprocessed(inference, {**row, "subject": "a"})
    assert torch.equal(found, expected) and found.std() > 0


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("with_mask", [False, True])
def test_a_slice_may_be_a_nifti_of_one_slice(channels, with_mask, tmp_path):
    values = np.random.default_rng(0).random((7, 5, 1, channels + with_mask))
    write_volume(values[..., 0] if values.shape[-1] == 1 else values, tmp_path / "a.nii.gz")
    image = {"num_channels": channels, "spatial_shape": [32, 32]}
    loading = [evaluated({"_": part}, "_") for part in loading_of_one_file(image, with_mask)]
    row = Compose(loading)({"image": str(tmp_path / "a.nii.gz")})
    np.testing.assert_allclose(row["image"], np.moveaxis(values[:, :, 0, :channels], -1, 0), rtol=1e-6)
    assert set(row) & {"mask", "image_0", "image_mask"} == ({"mask"} if with_mask else set())
    if with_mask:
        np.testing.assert_allclose(row["mask"], values[None, :, :, 0, -1], rtol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("bundle", [name for name in SETTINGS if (FOLDERS[name] / "models/model.ts").is_file()])
def test_the_weights_that_ship_give_the_app_s_steps_what_their_bundle_gives(bundle, studies, tmp_path):
    """Without MONAI Label: what its task takes out of the archive, one after the other."""
    samples, found, expected = FOLDERS[bundle] / "samples", [], []
    with open_classifier(FOLDERS[bundle], device="cpu") as classifier:
        for row in json.loads((samples / "datalist.json").read_text())["testing"]:
            files = {key: str(samples / row[key]) for key in ("image", "mask") if key in row}
            image = classifier.preprocessing({**files, "subject": row["subject"]})["image"]
            expected.append([*classifier(image).probabilities.values(), 0.0])  # no call
    with open_archive(package_bundle(bundle, "monailabel", tmp_path)) as folder:
        config = json.loads((folder / "configs/inference.json").read_text())
        steps = [f"@{name}" for name in ("preprocessing", "inferer", "postprocessing")]
        before, inferer, after = evaluated({**config, "bundle_root": str(folder), "device": "cpu", "_": steps}, "_")
        network = torch.jit.load(folder / "models/model.ts").eval()
        for row in json.loads((samples / "datalist.json").read_text())["testing"]:
            data = before({"image": str(write_sample(row, samples, studies)), "device": "cpu"})
            with torch.no_grad():
                data["pred"] = inferer(data["image"][None], network)[0]
            found.append(after(data)["pred"].tolist())
    np.testing.assert_allclose(found, expected, atol=1e-4)


@EACH_BUNDLE
def test_the_archive_s_configs_are_those_that_the_app_reads_and_hold_no_code(bundle, tmp_path):
    configs, folder = tiny_configs(bundle), tmp_path / f"{bundle}_classification"
    write_monai_label(FOLDERS[bundle], folder, configs, metadata_of(bundle))
    assert {path.name for path in (folder / "configs").iterdir()} == {"inference.json", "metadata.json"}
    config = json.loads((folder / "configs/inference.json").read_text())
    needed = {"bundle_root", "device", "network_def", "preprocessing", "postprocessing", "inferer"}
    assert needed <= config.keys() and "imports" not in config
    assert scan_config((folder / "configs/inference.json").read_bytes()) == []
    assert "common" not in json.dumps(config)
    assert json.loads((folder / "configs/metadata.json").read_text()) == metadata_of(bundle)


def test_a_switched_off_crop_needs_no_mask():
    bundle = "radiomics_deep_contrast"
    configs = tiny_configs(bundle)
    configs["inference"] |= {"crop": False, "apply_mask": False}
    config = label_inference(plain_inference(configs["inference"]), metadata_of(bundle), bundle)
    assert "SplitDimd" not in json.dumps(config) and "EnsureChannelFirstd" in json.dumps(config)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("lesions", "lesions: found no classification in the name"),
        ("lesion_detection_classification", "found detection in the name"),
        ("Segmentation_and_classification", "found segmentation in the name"),
    ],
)
def test_a_name_by_which_the_app_takes_it_for_something_else_is_refused(name, message, tmp_path):
    bundle = "siam3d_imbalance"
    with pytest.raises(InputError, match=message):
        write_monai_label(FOLDERS[bundle], tmp_path / name, tiny_configs(bundle), metadata_of(bundle))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        (["Background", "lesion"], "siam3d_imbalance: classes Background, which MONAI Label leaves out"),
        (["AD", "ad"], "siam3d_imbalance: classes AD, ad, alike in small letters"),
    ],
)
def test_classes_that_the_app_would_lose_or_confuse_are_refused(classes, message):
    bundle = "siam3d_imbalance"
    metadata = json.loads(json.dumps(metadata_of(bundle)))
    metadata["network_data_format"]["outputs"]["pred"]["channel_def"] = dict(enumerate(classes))
    with pytest.raises(InputError, match=message):
        label_inference(plain_inference(tiny_configs(bundle)["inference"]), metadata, bundle)


@pytest.mark.parametrize("bundle", ["mlsscl_3d", "siam3d_imbalance"])
def test_training_sees_the_images_of_a_datalist_and_the_class_that_a_label_file_holds(bundle, studies, tmp_path):
    configs = tiny_configs(bundle)
    train = with_known_sizes(configs["train"], configs["inference"])
    row = write_study(bundle, studies, "study", seed=1)
    (file,) = studies.iterdir()
    values = np.zeros((3, 3, 2))
    values[1, 1, 1] = 1  # a dot that someone drew
    labelled = {"image": str(file), "label": write_volume(values, tmp_path / "label.nii.gz")}
    config = label_training(train, metadata_of(bundle), bundle)
    found = evaluated({**config, "_": "@train#preprocessing"}, "_")(labelled)
    expected = evaluated({**train, "_": "@train#preprocessing"}, "_")({**row, "label": 1})
    assert found["label"] == 1 and torch.equal(torch.as_tensor(found["image"]), torch.as_tensor(expected["image"]))
    empty = write_volume(0 * values, tmp_path / "empty.nii.gz")
    other = {**labelled, "label": empty}
    for rows, weights in (([labelled, other, other], [0.75, 1.5]), ([other, other, other], [0.5, 1.5])):
        config["train"]["dataset"]["data"] = rows
        np.testing.assert_allclose(evaluated(config, "class_weights"), weights)
    assert evaluated(config | {"batch_size": 8}, "train#sampler").batch_size == 3  # few labels are one batch


@pytest.mark.parametrize("bundle", ["liver_cgc", "radiomics_deep_contrast"])
def test_training_that_needs_more_than_an_image_and_a_label_is_refused(bundle):
    with pytest.raises(InputError, match=f"{bundle}: its training takes more than an image file and a label"):
        label_training(tiny_configs(bundle)["train"], metadata_of(bundle), bundle)
