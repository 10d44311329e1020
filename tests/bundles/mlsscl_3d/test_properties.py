"""MONAI's properties, by which the model zoo and MONAI Label find their way in a config."""

from __future__ import annotations

import pytest

from tests.bundles.properties import check_evaluation, check_inference, check_training


@pytest.mark.parametrize("name", ["pretrain.yaml", "train.yaml", "train_segmentation.yaml"])
def test_training_configs_have_all_properties(name, open_bundle, configs, tiny, clips, patches, tmp_path):
    options = {"pretrain.yaml": clips, "train.yaml": tiny, "train_segmentation.yaml": patches}[name]
    extra = {} if name == "pretrain.yaml" else {"validation_fraction": 0.5}
    options = {key: value for key, value in options.items() if key != "max_epochs"} | extra | {"output_dir": tmp_path}
    workflow = open_bundle(configs / name, workflow_type="train", **options)
    epochs = {"pretrain.yaml": 100, "train.yaml": 50, "train_segmentation.yaml": 200}
    check_training(workflow, epochs[name], configs.parent)


@pytest.mark.parametrize("name", ["extract_features.yaml", "evaluate.yaml", "evaluate_segmentation.yaml"])
def test_evaluating_configs_have_all_properties(
    name, open_bundle, configs, tiny, patches, pretrained, classifier, segmenter, tmp_path
):
    of_each = {
        "extract_features.yaml": tiny | {"checkpoint": pretrained},
        "evaluate.yaml": tiny | {"checkpoint": classifier},
        "evaluate_segmentation.yaml": patches | {"checkpoint": segmenter},
    }
    workflow = open_bundle(configs / name, workflow_type="infer", output_dir=tmp_path, **of_each[name])
    check_evaluation(workflow)


@pytest.mark.parametrize("name", ["inference.json", "inference_segmentation.json"])
def test_inference_has_all_properties_without_a_network_file(name, open_bundle, configs, tmp_path):
    workflow = open_bundle(configs / name, workflow_type="infer", output_dir=tmp_path)
    check_inference(workflow, ["normal", "hyperplasia"], "0.2.0")
