"""The parameter files of a bundle."""

from __future__ import annotations

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
import yaml
from numpy.testing import assert_allclose

from common.data import load_datalist
from common.data.phantoms import ThyroidPhantoms
from common.data.phantoms.kidney_cohort import as_kits
from common.data.phantoms.kidney_ct import kidney_ct
from common.data.phantoms.scanner import scanner_of
from common.feature_table import feature_columns
from common.radiomics import RadiomicsSettings, extract_features, extract_table, feature_names

pytest.importorskip("radiomics")


@pytest.fixture(scope="module")
def files(project):
    folder = project / "bundles" / "radiomics_deep_contrast" / "parameters"
    return {name: folder / f"{name}_radiomics.yaml" for name in ("thyroid", "kidney")}


@pytest.fixture(scope="module")
def tumour(tmp_path_factory):
    """The neighbourhood of one tumour, slices along the first axis as in KiTS19: ``(image, mask)`` files."""
    folder, spacing = tmp_path_factory.mktemp("kidney"), (3.5, 3.5, 3.0)
    rng = np.random.default_rng(1)
    image, mask = kidney_ct((96, 72, 56), spacing, "clear_cell_rcc", 1.0, scanner_of("A", 1, 0), rng)
    box = tuple(slice(max(i.min() - 4, 0), i.max() + 5) for i in np.nonzero(mask == 2))
    for name, voxels in (("image", image), ("mask", mask)):
        nib.save(as_kits(voxels[box], spacing), folder / f"{name}.nii.gz")
    return folder / "image.nii.gz", folder / "mask.nii.gz"


@pytest.mark.parametrize(("name", "dimension", "count"), [("thyroid", 2, 11 * 93 + 9), ("kidney", 3, 11 * 93 + 14)])
def test_eleven_images_make_about_a_thousand_features(files, name, dimension, count):
    names = feature_names(RadiomicsSettings.load(files[name]), dimension)
    assert len(names) == len(set(names)) == count
    images = {feature.split("_")[0] for feature in names}
    sigmas = {f"log-sigma-{sigma}-0-mm-3D" for sigma in range(1, 6)}
    wavelets = {f"wavelet-{bands}" for bands in ("LL", "LH", "HL", "HH")}
    assert images == {"original", "gradient"} | sigmas | wavelets


@pytest.mark.parametrize(("name", "bin_width", "label"), [("thyroid", 16, None), ("kidney", 20, 2)])
def test_bins_and_label_are_those_given(files, name, bin_width, label):
    settings = RadiomicsSettings.load(files[name])
    assert settings.setting["binWidth"] == bin_width and settings.mask_label == label


def test_every_nodule_phantom_is_measured_in_full(files, tmp_path):
    path = ThyroidPhantoms(num_subjects=6, sizes=(96, 120), num_folds=2).make(tmp_path / "thyroid")
    rows = load_datalist(path, spatial_dims=2, check="none")
    table = extract_table(rows, cache_dir=tmp_path / "cache", settings=files["thyroid"], num_workers=1, progress=False)
    assert set(table["status"]) == {"ok"} and np.isfinite(table[feature_columns(table)].to_numpy()).all()


def test_the_kidney_file_gives_pyradiomics_own_values(files, tumour, by_pyradiomics):
    found = extract_features(*tumour, RadiomicsSettings.load(files["kidney"]))
    image, mask = (sitk.ReadImage(str(path)) for path in tumour)
    parameters = yaml.safe_load(files["kidney"].read_text())
    expected = by_pyradiomics(image, mask == 2, parameters | {"setting": parameters["setting"] | {"label": 1}})
    assert list(found) == list(expected)
    assert_allclose(list(found.values()), list(expected.values()), rtol=1e-6, atol=1e-12)


def test_textures_are_those_of_transverse_slices(files, tumour, tmp_path):
    """Slices in another order, which along any other axis would change every texture, change none."""
    mask = nib.load(tumour[1])
    shown = np.flatnonzero((np.asarray(mask.dataobj) == 2).any((1, 2)))
    order = np.arange(mask.shape[0])
    order[shown[1:-1]] = np.random.default_rng(0).permutation(shown[1:-1])
    assert (order != np.arange(len(order))).sum() > 3
    mixed = [tmp_path / "image.nii.gz", tmp_path / "mask.nii.gz"]
    for source, target in zip(tumour, mixed, strict=True):
        image = nib.load(source)
        nib.save(nib.Nifti1Image(np.asarray(image.dataobj)[order], image.affine), target)
    parameters = yaml.safe_load(files["kidney"].read_text()) | {"imageType": {"Original": {}, "Wavelet": {}}}
    parameters["featureClass"] = dict.fromkeys(("glcm", "glrlm", "glszm", "gldm", "ngtdm"))
    own, other = (extract_features(*paths, RadiomicsSettings.load(parameters)) for paths in (tumour, mixed))
    assert_allclose(list(other.values()), list(own.values()), rtol=1e-3, atol=1e-6)
    turned = {**parameters, "setting": parameters["setting"] | {"force2Ddimension": 0}}
    own, other = (extract_features(*paths, RadiomicsSettings.load(turned)) for paths in (tumour, mixed))
    assert not np.allclose(list(other.values()), list(own.values()), rtol=1e-3)
