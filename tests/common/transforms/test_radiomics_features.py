from __future__ import annotations

import nibabel
import numpy as np
import pandas as pd
import pytest
import torch
from monai.transforms import Compose, EnsureChannelFirstd, LoadImaged
from scipy.spatial.transform import Rotation

from common.errors import InputError
from common.radiomics import extract_features
from common.radiomics.scaling import FittedScaling, scaling_pipeline
from common.transforms import RadiomicsFeaturesd

pytest.importorskip("radiomics")

SETTINGS = {"imageType": {"Original": {}, "LoG": {"sigma": [2.0]}, "Wavelet": {}}}


@pytest.fixture
def files(tmp_path):
    rng = np.random.default_rng(0)
    image, mask = rng.normal(300, 80, (14, 15, 9)).astype(np.float32), np.zeros((14, 15, 9), dtype=np.uint8)
    mask[3:9, 4:11, 2:7] = 1
    affine = np.array([[-0.8, 0, 0, 3], [0, 1.1, 0, 4], [0, 0, 2.5, 5], [0, 0, 0, 1]])
    for name, array in {"image": image, "mask": mask}.items():
        nibabel.save(nibabel.Nifti1Image(array, affine), tmp_path / f"{name}.nii.gz")
    return {name: str(tmp_path / f"{name}.nii.gz") for name in ("image", "mask")}


def load(files: dict[str, str], reader: str | None = None) -> dict:
    return Compose([LoadImaged(list(files), reader=reader), EnsureChannelFirstd(list(files))])(files)


def test_features_of_loaded_images_are_those_of_their_files(files):
    row = RadiomicsFeaturesd(settings=SETTINGS)(load(files))
    expected = extract_features(files["image"], files["mask"], SETTINGS)
    assert row["radiomics"].dtype == torch.float32 and row["radiomics"].shape == (14 + 10 * 93,)
    np.testing.assert_allclose(row["radiomics"], list(expected.values()), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("spacing", [None, [1, 1, 1]])
def test_on_an_oblique_grid_too_they_are_those_of_the_files_to_the_last_digits(files, spacing):
    turned = np.eye(4)
    turned[:3, :3] = Rotation.from_euler("xyz", [0.2, -0.13, 0.31]).as_matrix()
    for path in files.values():
        image = nibabel.load(path)
        nibabel.save(nibabel.Nifti1Image(np.asanyarray(image.dataobj), turned @ image.affine), path)
    settings = {**SETTINGS, "setting": {"resampledPixelSpacing": spacing} if spacing else {}}
    row = RadiomicsFeaturesd(settings=settings)(load(files))
    expected = extract_features(files["image"], files["mask"], settings)
    assert row["radiomics"].tolist() == np.float32(list(expected.values())).tolist()


def test_with_a_scaling_they_are_the_columns_it_was_fitted_on_scaled(files, tmp_path):
    expected = extract_features(files["image"], files["mask"], SETTINGS)
    table = pd.DataFrame([expected] * 4) * np.array([[1], [2], [3], [4]])
    pipeline = scaling_pipeline().fit(table.to_numpy())
    scaling = FittedScaling.of(pipeline, list(table))
    path = scaling.save(tmp_path / "scaling.json")
    row = RadiomicsFeaturesd(settings=SETTINGS, scaling=path)(load(files))
    np.testing.assert_allclose(row["radiomics"], pipeline.transform(table.to_numpy()[:1])[0], rtol=1e-4, atol=1e-5)
    with pytest.raises(InputError, match="features are missing"):
        RadiomicsFeaturesd(scaling=path)(load(files))


def test_a_lesion_that_cannot_be_measured_and_an_absent_channel_are_refused(files):
    row = load(files)
    with pytest.raises(InputError, match="image: 1 channels; expected one with index 2"):
        RadiomicsFeaturesd(channel=2)(row)
    with pytest.raises(InputError, match="mask: label 3 is absent; found 1"):
        RadiomicsFeaturesd(mask_label=3)(row)


@pytest.mark.parametrize("reader", ["NibabelReader", "ITKReader"])
def test_micrometres_of_a_header_are_measured_as_millimetres(files, reader):
    if reader == "ITKReader":
        pytest.importorskip("itk")
    expected = extract_features(files["image"], files["mask"], SETTINGS)
    for path in files.values():
        image = nibabel.load(path)
        large = nibabel.Nifti1Image(np.asanyarray(image.dataobj), np.diag([1000.0, 1000, 1000, 1]) @ image.affine)
        large.header.set_xyzt_units("micron")
        nibabel.save(large, path)
    row = RadiomicsFeaturesd(settings=SETTINGS)(load(files, reader))
    np.testing.assert_allclose(row["radiomics"], list(expected.values()), rtol=1e-5, atol=1e-6)


def test_a_header_without_units_such_as_analyze_counts_millimetres(files):
    row = load(files)
    expected = RadiomicsFeaturesd(settings=SETTINGS)(dict(row))["radiomics"]
    for name in files:
        del row[name].meta["xyzt_units"]
    assert torch.equal(RadiomicsFeaturesd(settings=SETTINGS)(row)["radiomics"], expected)
