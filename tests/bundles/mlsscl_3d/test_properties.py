"""MONAI's properties, by which the model zoo and MONAI Label find their way in a config."""

from tests.bundles.shared.images import SharedImages
from tests.bundles.shared.properties import SharedProperties


class TestProperties(SharedProperties):
    training_configs = {"pretrain.yaml": 100, "train.yaml": 50, "train_segmentation.yaml": 200}
    evaluating_configs = ["extract_features.yaml", "evaluate.yaml", "evaluate_segmentation.yaml"]
    inference_configs = ["inference.json", "inference_segmentation.json"]
    classes = ["normal", "hyperplasia"]
    version = "0.2.0"


class TestImages(SharedImages):
    files = 18
    stages = ("train", "evaluate", "extract_features")
