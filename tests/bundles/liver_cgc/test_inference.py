"""inference.json needs no Python of ours: an exported classifier in, predictions out."""

from __future__ import annotations

import pytest

from tests.bundles.shared.inference import SharedInference


class TestInference(SharedInference):
    image_shapes = ((3, 3, 32, 32), (1, 3, 64, 64))

    @pytest.fixture
    def evaluation(self, open_bundle, configs, tiny, classifier, without_record):
        """inference.json takes images as they come: with masking off, both preprocess alike."""
        options = tiny | {"checkpoint": without_record(classifier), "apply_mask": "false"}
        workflow = open_bundle(configs / "evaluate.yaml", workflow_type="infer", **options)
        workflow.initialize()
        return workflow
