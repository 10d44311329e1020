"""Each bundle's archive, served by the stock app of the real MONAI Label server."""

from __future__ import annotations

import copy
import json
import zipfile
from dataclasses import replace

import numpy as np
import pytest
import torch

from common.deploy.consumers.monai_label_training import write_monai_label_training
from common.deploy.package import package_bundle
from common.deploy.packaging.formats import write_formats
from common.deploy.packaging.trained_classifier import read_classifier
from common.networks import load_weights
from common.references import evaluated
from tests.common.deploy.consumers.environments import consumer_environment
from tests.common.deploy.consumers.label_server import LabelServer
from tests.common.deploy.consumers.label_studies import write_study, write_volume
from tests.common.deploy.made_studies import PREPROCESSING
from tests.common.deploy.tiny_bundles import OVERLAYS, SETTINGS, random_weights
from tests.common.networks.statistics import with_statistics

pytestmark = pytest.mark.slow
CLASSES = {
    "liver_cgc": ["stage 1", "stage 2"],
    "mlsscl_3d": ["normal", "hyperplasia"],  # MONAI Label writes names small
    "radiomics_deep_contrast": ["benign", "malignant"],
    "siam3d_imbalance": ["benign", "malignant"],
}
TRAINED = "mlsscl_3d"
OTHER = "siam3d_imbalance"
CALIBRATION = {"temperature": 2.0, "threshold": 0.6}
CASES = 6  # that are labelled
TOLERANCE = 1e-4


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    (folder := tmp_path_factory.mktemp("label") / "studies").mkdir()
    return folder.parent


@pytest.fixture(scope="module")
def studies(folder):
    """Rows of two studies of each bundle, as datalists have them; and some studies to label."""
    for index in range(CASES):
        write_study(TRAINED, folder / "studies", f"case{index}", seed=index % 2)
    return {
        bundle: {
            name: write_study(bundle, folder / "studies", f"{bundle}_{name}", seed) for seed, name in enumerate("ab")
        }
        for bundle in SETTINGS
    }


@pytest.fixture(scope="module")
def classifiers(folder, studies):
    """Each bundle's eager classifier, and beside it what it is packaged with."""
    (folder / "calibration.json").write_text(json.dumps({**CALIBRATION, "num_classes": 2}))
    found = {}
    for bundle in SETTINGS:
        options = {"weights": random_weights(bundle, folder / bundle), "calibration": folder / "calibration.json"}
        options["overlays"] = OVERLAYS.get(bundle, [])
        classifier = read_classifier(bundle, **options, settings=SETTINGS[bundle])
        tell_apart(classifier, studies[bundle])
        torch.save(classifier.network.state_dict(), options["weights"])
        found[bundle] = classifier, options
    return found


@pytest.fixture(scope="module")
def servers(folder, classifiers):
    """One with all four archives, one with a trainable one alone, and one with another of the four alone."""
    environment = consumer_environment("monai-label")
    names = ("together", "alone", "other_alone")
    together, alone, other = (LabelServer(environment, folder / name, folder / "studies") for name in names)
    archive, classifier = alone.models / f"{TRAINED}_classification", classifiers[TRAINED][0]
    write_formats(classifier.network, classifier.reference_inputs, archive / "models", formats=["model.pt"])
    write_monai_label_training(classifier, archive)
    with alone.running():  # it takes its time to start
        for bundle, (_, options) in classifiers.items():
            path = package_bundle(bundle, "monailabel", folder / "dist", **options, **SETTINGS[bundle])
            with zipfile.ZipFile(path) as archive:
                for server in (together, other) if bundle == OTHER else (together,):
                    archive.extractall(server.models)
        with together.running(), other.running():
            for server in (together, alone, other):
                server.wait()
            yield together, alone, other


def preprocessed(classifier, row) -> torch.Tensor:
    """The network's input for a row of a datalist, as ``evaluate.yaml`` over ``train.yaml`` makes it."""
    config, served = {**classifier.configs["train"], **classifier.configs["evaluate"]}, classifier.configs["inference"]
    config |= {name: served[name] for name in (*PREPROCESSING, "in_channels", "num_classes") if name in served}
    if "modalities" in config:  # counted on a cohort otherwise
        channels = classifier.metadata["network_data_format"]["inputs"]["image"]["channel_def"]
        config["modalities"] = list(channels.values())
    image = torch.as_tensor(evaluated(config, "preprocessing")(row)["image"])[None].float()
    return evaluated(config, "normalize")(image) if "normalize" in config else image


def eager(classifier, row) -> np.ndarray:
    """Scores of a row of a datalist."""
    with torch.no_grad():
        return classifier.network(preprocessed(classifier, row))[0].numpy()


def tell_apart(classifier, rows) -> None:
    """Give the network weights with which it is in doubt of the first study, and sure of the second."""
    images = torch.cat([preprocessed(classifier, row) for row in rows.values()])
    network = with_statistics(classifier.network, images)
    calibrated, network.probabilities = network.probabilities, None
    with torch.no_grad():
        first, second = network(images).diff(dim=1).flatten()
        network.head.weight *= 3.2 / (second - first)
        network.head.bias[1] += 0.4 - network(images[:1]).diff(dim=1).item()
    network.probabilities = calibrated


def test_every_archive_of_one_server_gives_the_probabilities_of_the_eager_network_by_class_name(
    servers, classifiers, studies
):
    together, *_ = servers
    calls = set()
    for bundle, classes in CLASSES.items():
        expected = {name: eager(classifiers[bundle][0], row) for name, row in studies[bundle].items()}
        assert abs(expected["a"][0] - expected["b"][0]) > 0.1  # it looks at the image
        for name in expected:
            found = together.scores(f"{bundle}_classification", f"{bundle}_{name}")
            assert list(found) == [*classes, "no call"]
            np.testing.assert_allclose(list(found.values()), expected[name], atol=TOLERANCE, err_msg=bundle)
            calls.add(found["no call"])
    assert calls == {0.0, 1.0}


def test_the_server_takes_them_for_classifiers_with_their_classes(servers):
    models = servers[0].ask("GET", "/info/")["models"]
    for bundle, classes in CLASSES.items():
        known = models[f"{bundle}_classification"]
        assert known["type"] == "classification"
        assert known["labels"] == {name: index for index, name in enumerate([*classes, "no call"])}


@pytest.mark.parametrize(("bundle", "place"), [(TRAINED, 1), (OTHER, 2)])
def test_an_archive_gives_alone_what_it_gives_beside_others(servers, bundle, place):
    for name in "ab":
        pair = (servers[0], servers[place])
        found = [server.scores(f"{bundle}_classification", f"{bundle}_{name}") for server in pair]
        assert list(found[0]) == list(found[1])
        np.testing.assert_allclose(*(list(scores.values()) for scores in found), atol=TOLERANCE)


def test_an_image_with_another_number_of_channels_is_refused(servers):
    together, *_ = servers
    with pytest.raises(OSError, match="500"):
        together.scores("siam3d_imbalance_classification", f"{TRAINED}_a")


def test_training_starts_from_the_archive_s_weights_and_the_server_gives_what_it_learnt(
    servers, classifiers, studies, tmp_path, request
):
    _, alone, _ = servers
    model, classifier = f"{TRAINED}_classification", classifiers[TRAINED][0]
    weights = alone.models / model / "models/model.pt"
    before = weights.read_bytes()
    request.addfinalizer(lambda: weights.write_bytes(before))  # the server reads its weights again for other tests
    for index in range(CASES):
        write_volume(np.full((1, 1, 1), index % 2), tmp_path / f"{index}.nii.gz")
        alone.save_label(f"case{index}", tmp_path / f"{index}.nii.gz")
    options = {"max_epochs": 2, "val_split": 0.5, "device": "cpu"}
    alone.ask("POST", f"/train/{model}?run_sync=true", json.dumps(options).encode())
    assert weights.read_bytes() != before
    assert f"Restored all variables from {weights}" in alone.log_text()
    assert [row["epoch"] for row in json.loads(weights.with_name("metrics.json").read_text())] == [1, 2]
    trained = replace(classifier, network=load_weights(copy.deepcopy(classifier.network), weights).eval())
    found = alone.scores(model, f"{TRAINED}_a")
    np.testing.assert_allclose(list(found.values()), eager(trained, studies[TRAINED]["a"]), atol=TOLERANCE)
