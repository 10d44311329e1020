"""A study in a hospital becomes what validation saw in training."""

from __future__ import annotations

from collections.abc import Collection

import pytest
import torch

from tests.bundles.parity import dicom_case, predicted, served_image, validated_image


class SameImage:
    """Tests of every bundle's ``test_parity.py``."""

    #: of what the network takes
    shape: tuple[int, ...]
    #: largest difference of a voxel
    tolerance: float = 0

    def test_validation_and_inference_give_the_network_the_same_image(
        self, served, cases, open_bundle, configs, tiny, tmp_path
    ):
        workflow = open_bundle(configs / "train.yaml", output_dir=tmp_path, **tiny)
        workflow.initialize()
        assert len(cases) == 3
        for case in cases:
            found = served_image(served, case, tmp_path / "work")
            assert found.shape == self.shape
            torch.testing.assert_close(found, validated_image(workflow, case), rtol=0, atol=self.tolerance)


class SamePrediction(SameImage):
    """As NIfTI and as DICOM, for bundles that read volumes."""

    #: series of a DICOM study that the network takes
    series: Collection[str]

    def test_dicom_and_nifti_of_one_study_give_the_same_prediction(self, served, cases, tmp_path):
        pytest.importorskip("highdicom")
        dicom = dicom_case(served, cases[0], tmp_path / "dicom")
        assert dicom.series().keys() == self.series
        found = predicted(served, dicom, tmp_path / "a").probabilities
        assert found == pytest.approx(predicted(served, cases[0], tmp_path / "b").probabilities, abs=1e-6)
        assert found != pytest.approx(predicted(served, cases[-1], tmp_path / "b").probabilities, abs=1e-4)
