"""MONAI's properties, by which the model zoo and MONAI Label find their way in a config."""

from tests.bundles.shared.images import SharedImages
from tests.bundles.shared.properties import SharedProperties


class TestProperties(SharedProperties):
    training_configs = {"pretrain.yaml": 12, "train.yaml": 10}
    classes = ["stage 1", "stage 2"]
    version = "0.1.0"


class TestImages(SharedImages):
    files = 15 + 20 + 20  # pre-training has all modalities; fine-tuning and evaluation choose, and so do features
