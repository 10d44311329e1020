"""inference.json needs no Python of ours: an exported classifier in, predictions out."""

from __future__ import annotations

import pytest
import torch

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


def test_training_and_inference_enlarge_small_images_alike(open_bundle, configs, tiny, tmp_path):
    options = {"dataset_dir": tiny["dataset_dir"], "image_size": [64, 64], "enlarge": True, "output_dir": tmp_path}
    training = {"all_subjects": True, "validation_fraction": 0, "apply_mask": False, "cache": "none"}
    padded = open_bundle(configs / "train.yaml", **tiny | options | training | {"enlarge": False})
    train = open_bundle(configs / "train.yaml", **tiny | options | training)
    infer = open_bundle(configs / "inference.json", workflow_type="infer", section="training", **options)
    given, normalize = (train.parser.get_parsed_content(key) for key in ("train#dataset", "normalize"))
    found = infer.parser.get_parsed_content("dataset")
    assert len(given) == len(found) == 20
    for expected, row, small in zip(given, found, padded.parser.get_parsed_content("train#dataset"), strict=True):
        larger = (expected["image"] > 0).sum() / (small["image"] > 0).sum()
        assert larger > (64 / 40) ** 2  # of images of 24 to 40 pixels
        torch.testing.assert_close(row["image"], normalize(expected["image"][None])[0], rtol=1e-5, atol=1e-5)
