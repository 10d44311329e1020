"""A study in a hospital becomes what validation saw in training, as NIfTI and as DICOM.

The slice is chosen by the mask, and what lies outside the liver is 0, in both.
"""

import pytest

from tests.bundles.parity import cases_of
from tests.bundles.shared.parity import SameImage, SamePrediction


class TestSlices(SameImage):
    shape, tolerance = (3, 32, 32), 1e-6


class TestVolumes(SamePrediction):
    shape, tolerance = (3, 32, 32), 1e-6
    series = {"T1", "T2", "OUT", "mask"}

    @pytest.fixture
    def cases(self, served, liver_volumes):
        """Subjects with volumes, of which a slice is taken."""
        return list(cases_of(served, liver_volumes).values())[:3]
