"""MONAI's properties, by which the model zoo and MONAI Label find their way in a config."""

from __future__ import annotations

from pathlib import Path

from monai.bundle import ConfigWorkflow

NEEDED = ("bundle_root", "device", "dataset_dir", "dataset", "evaluator", "network_def", "inferer")
NEEDED += ("handlers", "preprocessing")


def check_training(workflow: ConfigWorkflow, epochs: int, bundle: Path) -> None:
    """A training has all properties, and its number of epochs can be set as MONAI Label does."""
    workflow.initialize()
    assert workflow.check_properties() == []
    assert workflow.max_epochs == epochs and workflow.bundle_root == str(bundle)
    workflow.max_epochs = 1
    workflow.initialize()
    assert workflow.trainer.state.max_epochs == 1


def check_evaluation(workflow: ConfigWorkflow) -> None:
    """An evaluation has all properties."""
    workflow.initialize()
    assert workflow.check_properties() == []


def check_inference(workflow: ConfigWorkflow, classes: list[str], version: str) -> None:
    """Before a classifier is trained there is no model.ts: what is checked then must not need one."""
    assert all(name in workflow.parser for name in NEEDED)
    workflow.initialize()
    assert workflow.version == version and workflow.channel_def == dict(zip("01", classes, strict=True))
