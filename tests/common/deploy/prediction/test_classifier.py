from __future__ import annotations

import json
import re
import shutil
from dataclasses import replace

import pytest
import torch

from common.deploy.prediction.classifier import open_classifier
from common.deploy.prediction.input_format import InputFormat
from common.deploy.prediction.outcomes import ArchiveError
from common.deploy.prediction.segmenter import open_segmenter
from common.deploy.verification.archive import write_archive
from common.deploy.verification.manifest import write_manifest
from common.deploy.verification.scan import scan_file
from common.errors import InputError
from common.files import file_digest
from common.networks import CalibratedSoftmax
from tests.bundles.bundle_files import BUNDLES
from tests.common.deploy.made_studies import random_network, write_archive_folder
from tests.common.deploy.verification.scan.twins import script_twins

BUNDLE = {bundle.name: bundle for bundle in BUNDLES}
SIAM = BUNDLE["siam3d_imbalance"]


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    """TorchScript of a classifier of one modality that may abstain."""
    path = tmp_path_factory.mktemp("weights") / "model.ts"
    return random_network(path, (1, 8, 8, 8), 2, CalibratedSoftmax(threshold=0.99))


@pytest.fixture
def archive(weights, tmp_path):
    """An archive's folder."""
    return write_archive_folder(tmp_path / "toy", SIAM, weights)


@pytest.mark.parametrize("as_zip", [True, False])
def test_an_archive_names_its_model_and_may_abstain(archive, weights, as_zip, tmp_path):
    source = write_archive(archive, tmp_path / "toy.zip") if as_zip else archive
    with open_classifier(source, device="cpu") as classifier:
        metadata = json.loads((SIAM / "configs/metadata.json").read_text())
        assert classifier.model.name == metadata["name"] and classifier.model.version == metadata["version"]
        assert classifier.model.sha256 == file_digest(weights, "sha256")
        assert classifier.channels == ("benign", "malignant", "no call")
        found = classifier(torch.rand(1, 9, 9, 9))
    assert found.call == "no call" and sum(found.probabilities.values()) == pytest.approx(1)


def test_the_digest_changes_with_weights_and_rules_and_with_nothing_else(archive, tmp_path):
    def digest(source, **options):
        with open_classifier(source, device="cpu", **options) as classifier:
            return classifier.digest

    first = digest(archive)
    assert digest(write_archive(archive, tmp_path / "toy.zip")) == first
    rules = tmp_path / "rules.yaml"
    rules.write_text("\n".join(f"{name}: {{SeriesDescription: {name}}}" for name in ["CT"]))
    assert digest(archive, rules=rules) != first
    random_network(archive / "models/model.ts", (1, 8, 8, 8), 2, CalibratedSoftmax(threshold=0.5))
    write_manifest(archive)
    assert digest(archive) != first


def test_an_archive_that_was_changed_is_not_used(archive):
    path = archive / "configs/inference.json"
    path.write_text(path.read_text().replace("255.0", "1.0"))
    with pytest.raises(InputError, match=r"configs/inference.json.*manifest.json"), open_classifier(archive):
        pass


def test_an_archive_with_code_is_not_used_and_the_code_does_not_run(archive, tmp_path):
    path = archive / "configs/inference.json"
    trap = tmp_path / "trapped"
    config = json.loads(path.read_text())
    config["preprocessing"]["transforms"].append({"_target_": "Lambdad", "keys": "image", "func": "$print"})
    config["device"] = f"$__import__('pathlib').Path('{trap}').touch()"
    path.write_text(json.dumps(config))
    write_manifest(archive)
    with pytest.raises(InputError, match=r"holds what could be code") as error, open_classifier(archive):
        pass
    assert "Lambdad" in str(error.value) and "__import__" in str(error.value)
    assert not trap.exists()


@pytest.mark.parametrize("device", ["gpu", "cuda:99"])
def test_a_device_that_is_not_there_is_reported_and_no_fault_of_the_archive(device, tmp_path):
    with (
        pytest.raises(InputError, match=f"^device: found '{device}'; expected cpu, or") as error,
        open_classifier(tmp_path / "any.zip", device=device),
    ):
        pass
    assert error.value.exit_code == 1


def test_a_key_asks_for_a_signature(archive, tmp_path):
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    from common.deploy.verification.signature import sign

    private = Ed25519PrivateKey.generate()
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    (tmp_path / "private.pem").write_bytes(private.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    public = tmp_path / "public.pem"
    public.write_bytes(private.public_key().public_bytes(pem, serialization.PublicFormat.SubjectPublicKeyInfo))
    with pytest.raises(InputError), open_classifier(archive, key=public, device="cpu"):
        pass
    sign(archive, tmp_path / "private.pem")
    with open_classifier(archive, key=public, device="cpu") as classifier:
        assert classifier.device == torch.device("cpu")


def test_an_archive_takes_no_weights_and_settings_of_others(archive, weights):
    with (
        pytest.raises(InputError, match=r"weights, box_size: given with an archive, which is used as it was packaged"),
        open_classifier(archive, weights=weights, box_size=[8, 8, 8], device="cpu"),
    ):
        pass


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"weights": "/nowhere/model.ts"}, "found no file /nowhere/model.ts"),
        ({"weights": True, "box_sise": [8, 8, 8]}, "inference.json has this option; did you mean box_size?"),
        ({"weights": True, "key": "public.pem"}, "has no signature"),
        ({"weights": True, "require": "siam3d_imbalance==0.1.0"}, "has no signature and no release"),
        ({"weights": True, "checkpoint": "model.ts"}, "checkpoint: follows from the bundle and its weights"),
        ({"weights": True, "image_size": 64}, "image_size: found 64; expected a list such as [96, 96, 96]; correct it"),
        ({"weights": True, "image_size": [64, 64]}, "image_size: found [64, 64]; expected a list such as"),
        ({"weights": True, "in_channels": 3}, "found 1 (CT), expected one for each of the network's 3"),
    ],
)
def test_what_a_bundle_lacks_is_reported(weights, options, message):
    options = options | ({"weights": weights} if options.get("weights") is True else {})
    with pytest.raises(InputError, match=re.escape(message)), open_classifier(SIAM, **options):
        pass


@pytest.mark.parametrize("command", [open_classifier, open_segmenter])
def test_a_folder_that_is_neither_archive_nor_bundle_is_named_as_such(command, tmp_path):
    (tmp_path / "a.zip").touch()
    message = f"{tmp_path}: found a folder without manifest.json, expected a zip of .*; did you mean {tmp_path}/a.zip"
    with pytest.raises(ArchiveError, match=message), command(tmp_path):
        pass


def test_a_bundle_uses_the_weights_that_ship_by_default():
    with open_classifier(SIAM, device="cpu") as classifier:
        assert classifier.model.sha256 == file_digest(SIAM / "models/model.ts", "sha256")
    with (
        pytest.raises(InputError, match=r"found no file .*models/model.ts, expected"),
        open_classifier(BUNDLE["liver_cgc"]),
    ):
        pass


@pytest.mark.parametrize(
    ("inference", "metadata", "message"),
    [
        (
            {"box_size": [8, 8, 8], "spacing": [1.0, 1.0, 1.0], "batch_size": 7},
            {"name": "x"},
            "trained with other box_size than",
        ),
        (
            {},
            {"outputs": {"pred": {"channel_def": {"0": "I", "1": "II", "2": "no call"}}}},
            "trained with other classes",
        ),
        ({}, {"inputs": {"image": {"channel_def": {"0": "PET"}}}}, "trained with other channels than"),
        ({}, [], "metadata.json: "),
    ],
)
def test_weights_that_were_trained_with_other_settings_than_the_bundles_are_refused(
    weights, tmp_path, inference, metadata, message
):
    path, network = tmp_path / "model.ts", torch.jit.load(weights)
    metadata = {"network_data_format": metadata} if metadata else metadata
    extra = {"inference.json": json.dumps(inference), "metadata.json": json.dumps(metadata)}
    torch.jit.save(network, str(path), _extra_files=extra)
    with pytest.raises(InputError, match=message), open_classifier(SIAM, weights=path, device="cpu"):
        pass
    if "box_size" in inference:
        with open_classifier(SIAM, weights=path, device="cpu", box_size=[8, 8, 8]) as classifier:
            assert classifier.channels == ("benign", "malignant")


def test_weights_whose_channel_is_called_image_say_nothing_of_its_modality(weights, tmp_path):
    form = {"network_data_format": {"inputs": {"image": {"channel_def": {"0": "image"}}}}}
    path = tmp_path / "model.ts"
    torch.jit.save(torch.jit.load(weights), str(path), _extra_files={"metadata.json": json.dumps(form)})
    with open_classifier(SIAM, weights=path, device="cpu") as classifier:
        assert classifier.input.modalities == ("CT",)


def test_metadata_that_give_no_classifier_are_reported_in_one_line(archive):
    (archive / "configs/metadata.json").write_text(
        json.dumps({"dicom_rules": {"T1": {"SeriesDescription": "T1"}}, "network_data_format": 1})
    )
    write_manifest(archive)
    with pytest.raises(InputError, match=r"no classifier \(") as refused, open_classifier(archive, device="cpu"):
        pass
    assert "\n" not in str(refused.value) and "weights_only" not in str(refused.value)


class Saves(torch.nn.Module):
    """Probabilities, and a file that is written on the side."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self.path = path

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        torch.save(x, self.path)
        return torch.softmax(torch.flatten(x, 1)[:, :2], 1)


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("operator", "source with the operator aten::save"),
        ("twins", "two zip files behind one another"),
        ("state dict", "no member of this name belongs in TorchScript"),
        ("text", "zip"),
    ],
)
def test_weights_beside_a_bundle_are_scanned_before_they_are_loaded(kind, message, tmp_path):
    path, sentinel = tmp_path / "model.ts", tmp_path / "it_ran"
    if kind == "operator":
        torch.jit.script(Saves(str(sentinel))).save(str(path))
    elif kind == "twins":
        path.write_bytes(script_twins(tmp_path / "made", sentinel))
    elif kind == "state dict":
        torch.save({"weight": torch.rand(2)}, path)
    else:
        path.write_text("weights")
    with pytest.raises(InputError, match=message) as refused, open_classifier(SIAM, weights=path, device="cpu"):
        pass
    assert str(refused.value).startswith(f"{path}: not used, as it holds what could be code")
    assert not sentinel.exists()
    if kind in ("operator", "twins"):  # so the test could fail
        torch.jit.load(path)(torch.rand(1, 1, 8, 8, 8))
        assert sentinel.exists()


def test_weights_that_change_after_the_scan_are_not_the_ones_loaded(weights, tmp_path, monkeypatch):
    path, sentinel = tmp_path / "model.ts", tmp_path / "it_ran"
    shutil.copyfile(weights, path)

    def scan_and_swap(*arguments):
        problems = scan_file(*arguments)
        torch.jit.script(Saves(str(sentinel))).save(str(path))
        return problems

    monkeypatch.setattr("common.deploy.prediction.classifier.scan_file", scan_and_swap)
    with open_classifier(SIAM, weights=path, device="cpu") as classifier:
        assert classifier.model.sha256 == file_digest(weights, "sha256") != file_digest(path, "sha256")
        classifier.network(torch.rand(1, 1, 8, 8, 8))
    assert not sentinel.exists()


def test_weights_of_other_classes_are_reported(weights):
    with (
        open_classifier(SIAM, weights=weights, device="cpu") as classifier,
        pytest.raises(InputError, match=r"gives \(3,\) numbers, expected 2, for benign, malignant"),
    ):
        classifier(torch.rand(1, 8, 8, 8))


def test_metadata_without_rules_ask_for_a_file(archive, tmp_path):
    path = archive / "configs/metadata.json"
    metadata = json.loads(path.read_text())
    del metadata["dicom_rules"]
    path.write_text(json.dumps(metadata))
    write_manifest(archive)
    with pytest.raises(InputError, match=r"no dicom_rules; give a file"), open_classifier(archive, device="cpu"):
        pass


def test_the_config_of_another_program_is_reported(archive):
    path = archive / "configs/inference.json"
    config = json.loads(path.read_text())
    del config["in_channels"]
    path.write_text(json.dumps(config))
    write_manifest(archive)
    with pytest.raises(InputError, match=r"no in_channels.*--target inference"), open_classifier(archive, device="cpu"):
        pass


@pytest.mark.parametrize(
    ("bundle", "settings", "expected"),
    [
        ("siam3d_imbalance", {}, InputFormat(("CT",), mask="required")),
        ("mlsscl_3d", {}, InputFormat(("shape",))),
        ("liver_cgc", {}, InputFormat(("T1", "T2", "OUT"), 2, mask="optional", apply_mask=True)),
        ("liver_cgc", {"apply_mask": False, "mask_label": 2}, InputFormat(("T1", "T2", "OUT"), 2, None, "optional", 2)),
        ("radiomics_deep_contrast", {}, InputFormat(("US",), 2, mask="required", pictures=True)),
        ("radiomics_deep_contrast", {"crop": False}, InputFormat(("US",), 2, mask="required", pictures=True)),
        (
            "radiomics_deep_contrast",
            {"crop": False, "apply_mask": False},
            InputFormat(("US",), 2, mask="optional", pictures=True),
        ),
        ("radiomics_deep_contrast", {"in_channels": 3}, InputFormat(("US",), 2, 3, "required", apply_mask=True)),
    ],
)
def test_what_a_bundle_takes_is_read_from_its_own_config(weights, bundle, settings, expected):
    with open_classifier(BUNDLE[bundle], weights=weights, device="cpu", **settings) as classifier:
        assert classifier.input == replace(expected, channels=expected.modalities)


@pytest.mark.parametrize("bundle", BUNDLES, ids=lambda bundle: bundle.name)
def test_a_bundles_rules_name_the_channels_of_its_metadata(bundle):
    metadata = json.loads((bundle / "configs/metadata.json").read_text())
    channels = metadata["network_data_format"]["inputs"]["image"]["channel_def"]
    assert set(channels.values()) <= set(metadata["dicom_rules"])


@pytest.mark.parametrize(
    ("description", "expected"),
    [
        ("AX T1 SE", ["T1"]),
        ("T1pre_reg", ["T1"]),
        ("AX T1 without contrast", ["T1"]),
        ("SAG T1 COR", ["T1"]),
        ("T1post", ["T1ce"]),
        ("AX T1 +C", ["T1ce"]),
        ("brats_t1ce", ["T1ce"]),
        ("AX T2 FLAIR", ["FLAIR"]),
        ("AX T2 FSE", ["T2"]),
        ("T2* GRE", []),
        ("Mask_Tumor", ["mask"]),
    ],
)
def test_the_rules_of_brain_tumours_distinguish_usual_descriptions(description, expected):
    rules = json.loads((SIAM / "configs/metadata.json").read_text())["dicom_rules"]
    of_mr = {name: rule for name, rule in rules.items() if re.search(rule.get("Modality", ""), "MR")}
    assert [name for name, rule in of_mr.items() if re.search(rule["SeriesDescription"], description)] == expected
