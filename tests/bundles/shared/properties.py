"""MONAI's properties, by which the model zoo and MONAI Label find their way in a config."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

NEEDED = ("bundle_root", "device", "dataset_dir", "dataset", "evaluator", "network_def", "inferer")
NEEDED += ("handlers", "preprocessing")


class SharedProperties:
    """Tests of every bundle's ``test_properties.py``."""

    #: config of a training: its number of epochs by default
    training_configs: Mapping[str, int]
    evaluating_configs: Sequence[str] = ("extract_features.yaml", "evaluate.yaml")
    inference_configs: Sequence[str] = ("inference.json",)
    classes: Sequence[str]
    version: str

    def test_training_configs_have_all_properties(self, training_config, open_bundle, configs, settings, tmp_path):
        """Its number of epochs can be set as MONAI Label does."""
        name, epochs = training_config
        workflow = open_bundle(configs / name, workflow_type="train", output_dir=tmp_path, **settings(name))
        workflow.initialize()
        assert workflow.check_properties() == []
        assert workflow.max_epochs == epochs and workflow.bundle_root == str(configs.parent)
        workflow.max_epochs = 1
        workflow.initialize()
        assert workflow.trainer.state.max_epochs == 1

    def test_evaluating_configs_have_all_properties(
        self, evaluating_config, open_bundle, configs, settings, trained_for, tmp_path
    ):
        overrides = settings(evaluating_config) | {"checkpoint": trained_for(evaluating_config)}
        workflow = open_bundle(configs / evaluating_config, workflow_type="infer", output_dir=tmp_path, **overrides)
        workflow.initialize()
        assert workflow.check_properties() == []

    def test_inference_has_all_properties_without_a_network_file(
        self, inference_config, open_bundle, configs, tmp_path
    ):
        """Before a classifier is trained there is no model.ts: what is checked then must not need one."""
        workflow = open_bundle(configs / inference_config, workflow_type="infer", output_dir=tmp_path)
        assert all(name in workflow.parser for name in NEEDED)
        workflow.initialize()
        assert workflow.version == self.version
        assert workflow.channel_def == dict(zip("01", self.classes, strict=True))
