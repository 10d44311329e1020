"""A study in a hospital becomes what validation saw in training, as NIfTI and as DICOM."""

from tests.bundles.shared.parity import SamePrediction


class TestParity(SamePrediction):
    shape = (4, 27, 27, 27)
    series = {"FLAIR", "T1", "T1ce", "T2", "mask"}
