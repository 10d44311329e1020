"""The readme of an archive says what its own weights are, and how to use it."""

from __future__ import annotations

import json
import re

import pytest

from common.deploy.package import TARGETS
from common.deploy.packaging.archive_readme import render_readme
from common.deploy.packaging.trained_classifier import read_classifier, recorded_settings
from common.training_record import read_training_record
from tests.common.deploy.tiny_bundles import FOLDERS, OVERLAYS, SETTINGS, random_weights

SECTIONS = ("Data", "Network and training", "Input and output", "Scores", "Calibration and abstaining", "Commands")
SECTIONS += ("TensorRT", "Limits", "Failure modes", "Files", "References", "License")
WITH_WEIGHTS = [name for name, folder in FOLDERS.items() if (folder / "models/model.pt").is_file()]


def readme(classifier, target: str = "zoo", curve: bool = False) -> str:
    return render_readme(classifier, name="some_archive", target=target, hashes={"model.pt": "0"}, curve=curve)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A classifier of other weights than those of the repository, by bundle."""
    folder = tmp_path_factory.mktemp("tiny")
    return {
        name: read_classifier(
            name, random_weights(name, folder / name), overlays=OVERLAYS.get(name, ()), settings=SETTINGS[name]
        )
        for name in ("liver_cgc", "radiomics_deep_contrast")
    }


@pytest.fixture(scope="module", params=WITH_WEIGHTS)
def reference(request):
    """The classifier of a bundle's own weights, packaged with all that is known of them."""
    models = FOLDERS[request.param] / "models"
    recorded = recorded_settings(request.param, models / "model.pt")
    files = {name: models / f"{name}.json" for name in ("calibration", "metrics")}
    return read_classifier(request.param, **files, recorded=recorded)


@pytest.mark.parametrize("target", TARGETS)
def test_every_section_is_there_and_no_value_is_left_open(tiny, target):
    text = readme(tiny["liver_cgc"], target)
    headings = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert headings == list(SECTIONS)
    assert not re.search(r"\{\{|\{%|None|undefined", text.replace("None: no evaluation", ""))
    assert "**Tags**: Self-supervised, Classification, 2D" in text and "![" in text


def test_slices_of_a_lesion_come_from_one_volume(tmp_path):
    bundle = "radiomics_deep_contrast"
    settings = {**SETTINGS[bundle], "lesion_slices": 1}
    weights = random_weights(bundle, tmp_path)
    text = readme(read_classifier(bundle, weights, overlays=OVERLAYS.get(bundle, ()), settings=settings))
    assert '"image": "z/us.nii.gz", "mask": "z/mask.nii.gz"' in text
    assert "are slices of the lesion (1), which `predict.py`" in text


def test_architecture_and_size_are_those_of_these_weights(tiny):
    liver, radiomics = (" ".join(readme(classifier).split()) for classifier in tiny.values())
    assert "efficientnet-b0" in liver and "B2" not in liver.split("## References")[0]
    assert "| Input of the network | 3 x 32 x 32 |" in liver
    assert "depth=18" in radiomics and "ResNet-50" not in radiomics.split("## References")[0]
    for classifier in tiny.values():
        count = sum(weights.numel() for weights in classifier.network.parameters())
        assert f"| Weights | {count:,} |" in readme(classifier)


def test_other_weights_have_no_claims_of_the_repository_s(tiny):
    for classifier in tiny.values():
        text = " ".join(readme(classifier).split())
        assert "ships no weights" not in text and "None ships" not in text and "AUC of 0.999" not in text
        assert "nothing is recorded of this training" in text and "None: no evaluation" in text
        assert classifier.metadata["eval_metrics"] == {"held_out_subjects": 0}


def test_the_datalist_of_the_readme_names_the_archive_s_modalities_classes_and_masks(tiny):
    for name, classifier in tiny.items():
        datalist = json.loads(readme(classifier).split("```json")[1].split("```")[0])
        form = classifier.metadata["network_data_format"]
        assert datalist["modality"] == form["inputs"]["image"]["channel_def"]
        assert [*datalist["labels"].values(), "no call"] == [*form["outputs"]["pred"]["channel_def"].values()]
        assert ("mask" in datalist["testing"][0]) == (name == "radiomics_deep_contrast")


def test_the_repository_s_weights_come_with_cohort_training_and_scores(reference):
    text, metadata = " ".join(readme(reference).split()), reference.metadata
    for key in ("data_source", "training"):
        assert " ".join(metadata[key].split()) in text
    assert "Not recorded" not in text and "nothing is recorded" not in text
    scores = reference.metrics["results"][0]["metrics"]["auc"]
    assert f"{scores['value']:.3f} ({scores['low']:.3f} to {scores['high']:.3f})" in text
    assert metadata["eval_metrics"]["auc"] == scores["value"]
    assert "ippocamp" not in text.split("## License")[0]  # of another network, with other weights


def test_hyper_parameters_are_those_that_the_weights_record(reference):
    options = read_options(reference)
    assert options and {name: reference.configs["train"][name] for name in options} == options
    assert all(f"{name} {value}" in readme(reference) for name, value in options.items())


def read_options(classifier) -> dict:
    options = read_training_record(classifier.weights)["options"]
    return {name: options[name] for name in ("max_epochs", "batch_size") if name in options}


def test_a_curve_is_shown_where_there_is_one(tiny):
    assert "](training.png)" in readme(tiny["liver_cgc"], curve=True)
    assert "](training.png)" not in readme(tiny["liver_cgc"]) and "No curve" in readme(tiny["liver_cgc"])
