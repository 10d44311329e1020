"""MONAI's properties, by which the model zoo and MONAI Label find their way in a config."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize("name", ["pretrain.yaml", "train.yaml", "train_segmentation.yaml"])
def test_training_configs_have_all_properties(name, open_bundle, configs, tiny, clips, patches, tmp_path):
    options = {"pretrain.yaml": clips, "train.yaml": tiny, "train_segmentation.yaml": patches}[name]
    extra = {} if name == "pretrain.yaml" else {"validation_fraction": 0.5}
    options = {key: value for key, value in options.items() if key != "max_epochs"} | extra | {"output_dir": tmp_path}
    workflow = open_bundle(configs / name, workflow_type="train", **options)
    workflow.initialize()
    assert workflow.check_properties() == []
    epochs = {"pretrain.yaml": 100, "train.yaml": 50, "train_segmentation.yaml": 200}
    assert workflow.max_epochs == epochs[name] and workflow.bundle_root == str(configs.parent)
    workflow.max_epochs = 1  # what MONAI Label does
    workflow.initialize()
    assert workflow.trainer.state.max_epochs == 1


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
    workflow.initialize()
    assert workflow.check_properties() == []


@pytest.mark.parametrize("name", ["inference.json", "inference_segmentation.json"])
def test_inference_has_all_properties_without_a_network_file(name, open_bundle, configs, tmp_path):
    """Before anything is trained there is no model.ts: what is checked then must not need one."""
    workflow = open_bundle(configs / name, workflow_type="infer", output_dir=tmp_path)
    for needed in ("bundle_root", "device", "dataset_dir", "dataset", "evaluator", "network_def", "inferer"):
        assert needed in workflow.parser
    for needed in ("handlers", "preprocessing"):
        assert needed in workflow.parser
    workflow.initialize()
    assert workflow.version == "0.1.0" and workflow.channel_def == {"0": "control", "1": "AD"}


@pytest.mark.parametrize("spelling", ["true", "True", "false", "False"])
def test_amp_may_be_spelt_as_one_likes(spelling, open_bundle, configs, clips, tmp_path):
    options = clips | {"output_dir": tmp_path, "amp": spelling, "cache": "none"}
    workflow = open_bundle(configs / "pretrain.yaml", **options)
    workflow.initialize()
    assert workflow.train_inferer.enabled is (spelling.lower() == "true")
