"""MONAI's properties, by which the model zoo and MONAI Label find their way in a config."""

from tests.bundles.shared.images import SharedImages
from tests.bundles.shared.properties import SharedProperties


class TestProperties(SharedProperties):
    training_configs = {"pretrain.yaml": 50, "train.yaml": 50}
    classes = ["benign", "malignant"]
    version = "0.2.0"


class TestImages(SharedImages):
    files = 20
