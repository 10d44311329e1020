"""MONAI's properties, by which the model zoo and MONAI Label find their way in a config."""

from __future__ import annotations

import pytest


@pytest.mark.parametrize("name", ["pretrain.yaml", "train.yaml"])
def test_training_configs_have_all_properties(name, open_bundle, configs, tiny, tmp_path):
    options = {"strategy": "plain", "batch_size": 4, "output_dir": tmp_path}
    workflow = open_bundle(configs / name, workflow_type="train", **options, **tiny)
    workflow.initialize()
    assert workflow.check_properties() == []
    assert workflow.max_epochs == 50 and workflow.bundle_root == str(configs.parent)
    workflow.max_epochs = 1  # what MONAI Label does
    workflow.initialize()
    assert workflow.trainer.state.max_epochs == 1


@pytest.mark.parametrize("name", ["extract_features.yaml", "evaluate.yaml"])
def test_evaluating_configs_have_all_properties(name, open_bundle, configs, tiny, pretrained, classifier, tmp_path):
    checkpoint = pretrained if name.startswith("extract") else classifier
    overrides = tiny | {"checkpoint": checkpoint, "output_dir": tmp_path}
    workflow = open_bundle(configs / name, workflow_type="infer", **overrides)
    workflow.initialize()
    assert workflow.check_properties() == []


def test_inference_has_all_properties_without_a_network_file(open_bundle, configs, tmp_path):
    """Before a classifier is trained there is no model.ts: what is checked then must not need one."""
    workflow = open_bundle(configs / "inference.json", workflow_type="infer", output_dir=tmp_path)
    for name in ("bundle_root", "device", "dataset_dir", "dataset", "evaluator", "network_def", "inferer"):
        assert name in workflow.parser
    for name in ("handlers", "preprocessing"):
        assert name in workflow.parser
    workflow.initialize()
    assert workflow.version == "0.1.0" and workflow.channel_def == {"0": "low grade", "1": "high grade"}


@pytest.mark.parametrize("spelling", ["true", "True", "false", "False"])
def test_amp_may_be_spelt_as_one_likes(spelling, open_bundle, configs, tiny, tmp_path):
    workflow = open_bundle(
        configs / "pretrain.yaml", output_dir=tmp_path, amp=spelling, strategy="re", batch_size=4, **tiny
    )
    workflow.initialize()
    assert workflow.train_inferer.enabled is (spelling.lower() == "true")
