"""A study in a hospital becomes what validation saw in training, as NIfTI and as DICOM."""

from tests.bundles.shared.parity import SamePrediction


class TestParity(SamePrediction):
    shape = (1, 32, 32, 32)
    series = {"T1"}
