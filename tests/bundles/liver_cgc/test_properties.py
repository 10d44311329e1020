"""MONAI's properties, by which the model zoo and MONAI Label find their way in a config."""

from __future__ import annotations

import pytest

from tests.bundles.properties import check_evaluation, check_inference, check_training
from tests.bundles.shared_images import check_shared_images


@pytest.mark.parametrize(("name", "epochs"), [("pretrain.yaml", 12), ("train.yaml", 10)])
def test_training_configs_have_all_properties(name, epochs, open_bundle, configs, tiny, tmp_path):
    options = tiny | {"output_dir": tmp_path, "batch_size": 4}
    workflow = open_bundle(configs / name, workflow_type="train", **options)
    check_training(workflow, epochs, configs.parent)


@pytest.mark.parametrize("name", ["extract_features.yaml", "evaluate.yaml"])
def test_evaluating_configs_have_all_properties(name, open_bundle, configs, tiny, pretrained, classifier, tmp_path):
    checkpoint = pretrained if name.startswith("extract") else classifier
    overrides = tiny | {"checkpoint": checkpoint, "output_dir": tmp_path}
    workflow = open_bundle(configs / name, workflow_type="infer", **overrides)
    check_evaluation(workflow)


def test_inference_has_all_properties_without_a_network_file(open_bundle, configs, tmp_path):
    workflow = open_bundle(configs / "inference.json", workflow_type="infer", output_dir=tmp_path)
    check_inference(workflow, ["stage 1", "stage 2"], "0.1.0")


def test_stages_share_preprocessed_images_which_are_those_of_a_run_without(
    open_bundle, configs, tiny, classifier, tmp_path
):
    trainings = {
        configs / "pretrain.yaml": ["train#dataset"],
        configs / "train.yaml": ["train#dataset", "validate#dataset"],
    }
    stages = trainings | {configs / "evaluate.yaml": ["dataset"]}
    options = tiny | {"checkpoint": classifier, "output_dir": tmp_path, "validation_fraction": 0.2}
    assert (
        check_shared_images(open_bundle, stages, tmp_path / "files", **options) == 35
    )  # fine-tuning and evaluation choose modalities
