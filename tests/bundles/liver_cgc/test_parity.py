"""A study in a hospital becomes what validation saw in training, as NIfTI and as DICOM."""

from __future__ import annotations

import pytest
import torch

from tests.bundles.parity import cases_of, dicom_case, predicted, served_image, validated_image


@pytest.fixture
def volumes(served, liver_volumes):
    """Subjects with volumes, of which a slice is taken."""
    return list(cases_of(served, liver_volumes).values())


@pytest.mark.parametrize("kind", ["volumes", "slices"])
def test_validation_and_inference_give_the_network_the_same_image(
    kind, served, volumes, open_bundle, configs, tiny, tmp_path
):
    """The slice is chosen by the mask, and what lies outside the liver is 0, in both."""
    cases = volumes if kind == "volumes" else list(cases_of(served, tiny["dataset_dir"]).values())
    workflow = open_bundle(configs / "train.yaml", output_dir=tmp_path, **tiny)
    workflow.initialize()
    for case in cases[:3]:
        found = served_image(served, case, tmp_path / "work")
        assert found.shape == (3, 32, 32)
        torch.testing.assert_close(found, validated_image(workflow, case), rtol=0, atol=1e-6)


def test_dicom_and_nifti_of_one_study_give_the_same_prediction(served, volumes, tmp_path):
    pytest.importorskip("highdicom")
    dicom = dicom_case(served, volumes[0], tmp_path / "dicom")
    assert dicom.series().keys() == {"T1", "T2", "OUT", "mask"}
    found = predicted(served, dicom, tmp_path / "a").probabilities
    assert found == pytest.approx(predicted(served, volumes[0], tmp_path / "b").probabilities, abs=1e-6)
    assert found != pytest.approx(predicted(served, volumes[1], tmp_path / "b").probabilities, abs=1e-4)
