"""A study in a hospital becomes what validation saw in training, as NIfTI and as DICOM."""

from __future__ import annotations

import pytest
import torch

from tests.bundles.parity import cases_of, dicom_case, predicted, served_image, validated_image


@pytest.fixture
def cases(served, tiny):
    """The first subjects."""
    return list(cases_of(served, tiny["dataset_dir"]).values())[:3]


def test_validation_and_inference_give_the_network_the_same_image(served, cases, open_bundle, configs, tiny, tmp_path):
    workflow = open_bundle(configs / "train.yaml", output_dir=tmp_path, **tiny)
    workflow.initialize()
    for case in cases:
        found = served_image(served, case, tmp_path / "work")
        assert found.shape == (4, 27, 27, 27)
        torch.testing.assert_close(found, validated_image(workflow, case), rtol=0, atol=0)


def test_dicom_and_nifti_of_one_study_give_the_same_prediction(served, cases, tmp_path):
    pytest.importorskip("highdicom")
    dicom = dicom_case(served, cases[0], tmp_path / "dicom")
    assert dicom.series().keys() == {"FLAIR", "T1", "T1ce", "T2", "mask"}
    found = predicted(served, dicom, tmp_path / "a").probabilities
    assert found == pytest.approx(predicted(served, cases[0], tmp_path / "b").probabilities, abs=1e-6)
    assert found != pytest.approx(predicted(served, cases[1], tmp_path / "b").probabilities, abs=1e-4)
