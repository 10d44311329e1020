"""A study in a hospital becomes what validation saw in training, as picture, as NIfTI and as DICOM."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest
import torch
from PIL import Image
from pydicom.uid import generate_uid

from common.deploy.prediction.cases import FileCase
from common.deploy.prediction.classifier import open_classifier
from common.deploy.prediction.predict import find_cases
from tests.bundles.parity import predicted, served_image, validated_image
from tests.bundles.shared.parity import SameImage
from tests.common.deploy.made_studies import random_network, write_picture


class TestParity(SameImage):
    shape, tolerance = (1, 32, 32), 1e-6


@pytest.mark.parametrize("apply_mask", ["true", "false"])
def test_slices_of_a_lesion_are_those_of_validation(apply_mask, open_bundle, configs, tiny, tmp_path):
    """Kidney tumours: of a volume, some slices of the lesion are the channels of one image."""
    generator = np.random.default_rng(0)
    mask = np.zeros((24, 20, 9), np.int16)
    mask[3:20, 4:16, 1:8] = 1
    mask[6:14, 5:12, 2:7] = 2
    affine = np.diag([-2.0, -2.0, 5.0, 1.0])  # left, posterior, superior
    for name, voxels in (("image", generator.integers(-300, 400, mask.shape).astype(np.int16)), ("mask", mask)):
        nib.save(nib.Nifti1Image(voxels, affine), tmp_path / f"{name}.nii.gz")
    options = {"image_size": [32, 32], "mask_label": 2, "apply_mask": apply_mask}
    files = [configs / "train.yaml", configs / "kidney.yaml"]
    workflow = open_bundle(*files, output_dir=tmp_path, **(tiny | options | {"lesion_slices": 3}))
    workflow.initialize()
    window = workflow.parser["scale_intensity"]
    weights = random_network(tmp_path / "model.ts", (3, 32, 32), 2)
    options |= {"scale_intensity": window, "in_channels": 3, "lesion_share": None, "device": "cpu"}
    with open_classifier(configs.parent, weights=weights, **options) as served:
        row = {name: str(tmp_path / f"{name}.nii.gz") for name in ("image", "mask")}
        case = FileCase("kidney", row, served.input)
        found = served_image(served, case, tmp_path / "work")
    assert found.shape == (3, 32, 32)
    torch.testing.assert_close(found, validated_image(workflow, case), rtol=0, atol=1e-6)


@pytest.mark.parametrize("colours", ["grey", "rgb"])
def test_dicom_and_png_of_one_image_give_the_same_prediction(colours, served, cases, tmp_path):
    study = generate_uid()
    pixels = np.asarray(Image.open(cases[0].images["image"]))
    shown = np.stack([pixels] * 3, axis=-1) if colours == "rgb" else pixels
    write_picture(tmp_path / "dicom" / "1", shown, "THYROID", study)
    write_picture(tmp_path / "dicom" / "2", np.asarray(Image.open(cases[0].images["mask"])), "ROI", study, "OT")
    (dicom,), _ = find_cases(tmp_path / "dicom", served)
    assert dicom.series().keys() == {"tumour", "mask"}
    found = predicted(served, dicom, tmp_path / "a").probabilities
    assert found == pytest.approx(predicted(served, cases[0], tmp_path / "b").probabilities, abs=1e-6)
    assert found != pytest.approx(predicted(served, cases[1], tmp_path / "b").probabilities, abs=1e-4)
