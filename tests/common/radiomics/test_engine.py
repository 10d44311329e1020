from __future__ import annotations

import numpy as np
import pytest
import SimpleITK as sitk
from scipy.ndimage import gaussian_filter

from common.radiomics import extract_features
from common.radiomics.features import measure_features
from tests.common.radiomics.conftest import ALL_FILTERS, assert_same_features

pytest.importorskip("radiomics")

# What PyRadiomics takes as "all of these classes" in a parameter file, for 3D and for 2D.
TEXTURE = ("firstorder", "glcm", "gldm", "glrlm", "glszm", "ngtdm")
CLASSES = {3: ("shape", *TEXTURE), 2: ("shape2D", *TEXTURE)}


def parameters(dimension: int = 3, filters: dict | None = None, **setting) -> dict:
    return {
        "setting": {"binWidth": 25, **setting},
        "imageType": {name: dict(custom) for name, custom in (filters or ALL_FILTERS).items()},
        "featureClass": dict.fromkeys(CLASSES[dimension]),
    }


def binary(mask: sitk.Image) -> sitk.Image:
    return sitk.Cast(mask > 0, sitk.sitkUInt8)


def synthetic(region: tuple[slice, ...], shape=(21, 32, 27), dtype=np.float32) -> tuple[sitk.Image, sitk.Image]:
    """Smooth noise with odd and even axes, and a lesion that is ``region``."""
    noise = gaussian_filter(np.random.default_rng(0).normal(size=shape), 1)
    image = sitk.GetImageFromArray((noise * 900 + 200).astype(dtype))
    image.SetSpacing((0.7, 0.8, 2.5)[: len(shape)])
    array = np.zeros(shape, dtype=np.uint8)
    array[region] = 1
    mask = sitk.GetImageFromArray(array)
    mask.CopyInformation(image)
    return image, mask


@pytest.mark.parametrize("name", ["brain1", "prostate"])
def test_all_filters_of_pyradiomics_own_cases_are_those_of_the_whole_image(name, read_case, by_pyradiomics):
    image, mask = read_case(name)
    expected = by_pyradiomics(image, mask, parameters())
    assert len(expected) == 14 + 17 * 93
    assert_same_features(extract_features(image, mask == 1, parameters()), expected)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["lung1", "lung2"])
def test_all_filters_of_full_size_lungs_are_those_of_the_whole_image(name, read_case, by_pyradiomics):
    image, mask = read_case(name)
    assert_same_features(extract_features(image, mask == 1, parameters()), by_pyradiomics(image, mask, parameters()))


@pytest.mark.slow
def test_all_filters_of_a_chest_ct_are_those_of_the_whole_image(shared_data, by_pyradiomics):
    folder = shared_data / "lidc_ct_2x"
    image = sitk.ReadImage(folder / "LIDC-IDRI-0001_ct.nii.gz")
    mask = binary(sitk.ReadImage(folder / "LIDC-IDRI-0001_reader_contours.nii.gz"))
    assert_same_features(extract_features(image, mask, parameters()), by_pyradiomics(image, mask, parameters()))


@pytest.mark.parametrize("name", ["benign_002", "benign_101", "malignant_069"])
def test_ultrasound_png_is_measured_in_2d_as_by_pyradiomics(name, shared_data, by_pyradiomics):
    files = [shared_data / "busi_256" / folder / f"{name}.png" for folder in ("images", "masks")]
    expected = by_pyradiomics(sitk.ReadImage(files[0]), binary(sitk.ReadImage(files[1])), parameters(2))
    assert len(expected) == 9 + 13 * 93
    assert_same_features(extract_features(*files, parameters(2)), expected)


@pytest.mark.parametrize("patient", ["TCGA_CS_4942_19970222", "TCGA_CS_5396_20010302"])
def test_brain_mr_in_8_bits_is_measured_as_by_pyradiomics(patient, shared_data, by_pyradiomics):
    files = [shared_data / "lgg_96" / patient / f"{name}.nii.gz" for name in ("flair", "seg")]
    image, mask = sitk.ReadImage(files[0]), binary(sitk.ReadImage(files[1]))
    assert_same_features(
        extract_features(*files, parameters(binWidth=10)), by_pyradiomics(image, mask, parameters(binWidth=10))
    )


@pytest.mark.parametrize(
    "region",
    [
        pytest.param((slice(0, 5), slice(0, 5), slice(0, 5)), id="first corner"),
        pytest.param((slice(16, 21), slice(26, 32), slice(21, 27)), id="last corner"),
        pytest.param((slice(7, 8), slice(3, 9), slice(3, 9)), id="one slice"),
        pytest.param((slice(8, 11), slice(8, 11), slice(8, 11)), id="tiny"),
        pytest.param((slice(0, 21), slice(2, 30), slice(0, 26)), id="nearly all"),
    ],
)
@pytest.mark.parametrize("force2d", [False, True], ids=["3D", "force2D"])
def test_lesions_at_borders_and_tiny_ones_see_what_they_see_in_the_whole_image(region, force2d, by_pyradiomics):
    image, mask = synthetic(region)
    settings = parameters(filters={**ALL_FILTERS, "LoG": {"sigma": [0.5, 2.0]}}, force2D=force2d)
    assert_same_features(extract_features(image, mask, settings), by_pyradiomics(image, mask, settings))


@pytest.mark.parametrize("region", [(slice(0, 6), slice(0, 6)), (slice(20, 32), slice(8, 19))])
def test_planes_are_measured_as_by_pyradiomics(region, by_pyradiomics):
    image, mask = synthetic(region, shape=(33, 28))
    assert_same_features(extract_features(image, mask, parameters(2)), by_pyradiomics(image, mask, parameters(2)))


@pytest.mark.parametrize(
    "setting",
    [
        {"binCount": 16},
        {"binWidth": 7},
        {"force2D": True, "force2Ddimension": 1},
        {"resampledPixelSpacing": [1.2, 1.2, 1.2]},
        {"resampledPixelSpacing": [1, 1, 0], "interpolator": "sitkLinear"},
        {"normalize": True, "normalizeScale": 100, "removeOutliers": 2},
        {"resegmentRange": [0, 500]},
        {"resegmentRange": [-1, 1], "resegmentMode": "sigma", "resegmentShape": True},
        {"weightingNorm": "euclidean"},
        {"symmetricalGLCM": False},
        {"distances": [1, 2]},
        {"gldm_a": 1, "voxelArrayShift": 300},
        {"preCrop": True, "padDistance": 3},
    ],
    ids=lambda setting: " ".join(f"{name}={value}" for name, value in setting.items()),
)
def test_settings_act_as_in_pyradiomics(setting, by_pyradiomics):
    image, mask = synthetic((slice(4, 15), slice(6, 20), slice(2, 17)))
    settings = parameters(filters={**ALL_FILTERS, "LoG": {"sigma": [1.5]}}, **setting)
    assert_same_features(extract_features(image, mask, settings), by_pyradiomics(image, mask, settings))


@pytest.mark.parametrize("shape", [(21, 32, 27), (24, 19, 16)])
def test_deeper_wavelets_and_options_of_single_filters_act_as_in_pyradiomics(shape, by_pyradiomics):
    image, mask = synthetic((slice(0, 8), slice(9, 19), slice(5, 14)), shape=shape)
    filters = {
        "Wavelet": {"start_level": 1, "level": 2, "wavelet": "db3", "binWidth": 60},
        "LoG": {"sigma": [0.5, 1], "binWidth": 5},
        "Gradient": {"gradientUseSpacing": False},
    }
    settings = parameters(filters=filters)
    expected = by_pyradiomics(image, mask, settings)
    assert "wavelet2-LLL_glcm_MCC" in expected
    assert_same_features(extract_features(image, mask, settings), expected)


@pytest.mark.parametrize("dtype", [np.int16, np.uint16, np.float64])
def test_any_pixel_type_gives_pyradiomics_values(dtype, by_pyradiomics):
    image, mask = synthetic((slice(4, 15), slice(6, 20), slice(2, 17)), dtype=np.float64)
    image = sitk.GetImageFromArray(np.abs(sitk.GetArrayFromImage(image)).astype(dtype))
    image.CopyInformation(mask)
    assert_same_features(extract_features(image, mask, parameters()), by_pyradiomics(image, mask, parameters()))


def test_8_bits_are_measured_as_32_bits_where_pyradiomics_bin_edges_would_wrap_around():
    image, mask = synthetic((slice(4, 15), slice(6, 20), slice(2, 17)))
    narrow = sitk.Cast(sitk.RescaleIntensity(image, 0, 255), sitk.sitkUInt8)
    found = extract_features(narrow, mask)
    assert found == extract_features(sitk.Cast(narrow, sitk.sitkFloat32), mask)
    assert found["original_glcm_JointAverage"] > 2.5  # with numpy 2 PyRadiomics finds a single level, called 2


def test_mcc_is_that_of_pyradiomics_where_a_rare_grey_level_meets_only_itself(by_pyradiomics):
    """Its eps moves the eigenvalue 1 of such a level by eps / p^2, which is 1e-4 for a pair among a million."""
    array = np.random.default_rng(0).normal(0, 1, (60, 60, 60)).astype(np.float32)
    array[30, 30, 30:32] = 900
    mask = np.zeros(array.shape, dtype=np.uint8)
    mask[1:59, 1:59, 1:59] = 1
    image, mask = sitk.GetImageFromArray(array * 30), sitk.GetImageFromArray(mask)
    settings = {"setting": {"binCount": 200}, "featureClass": {"glcm": ["MCC"]}}
    expected = by_pyradiomics(image, mask, settings)
    assert expected["original_glcm_MCC"] != pytest.approx(1, abs=1e-3)
    assert_same_features(extract_features(image, mask, settings), expected)


def test_a_filter_that_fails_costs_its_own_features_only():
    image, mask = synthetic((slice(4, 15), slice(6, 20), slice(2, 17)))
    settings = parameters(filters={"Original": {}, "LoG": {"sigma": [1.0, 60.0]}, "Square": {"binWidth": 0.01}})
    measured = measure_features(image, mask, settings)
    failed = {name for name, value in measured.features.items() if np.isnan(value)}
    assert failed == {name for name in measured.features if name.startswith(("log-sigma-60-0", "square"))}
    assert len(failed) == 2 * 93 and len(measured.features) == 14 + 4 * 93
    assert "no such image of 27x32x21 voxels" in measured.problems["log-sigma-60-0-mm-3D"]
    assert "grey levels; expected up to 512" in measured.problems["square"]


def test_a_filter_the_engine_does_not_know_is_left_to_pyradiomics(monkeypatch, caplog, by_pyradiomics):
    from radiomics import imageoperations

    def halved(image, mask, **kwargs):
        assert image.GetSize() == mask.GetSize()
        yield image * 0.5, "halved", kwargs

    monkeypatch.setattr(imageoperations, "getLBP3DImage", halved)
    image, mask = synthetic((slice(4, 15), slice(6, 20), slice(2, 17)))
    settings = parameters(filters={"LBP3D": {}, "Original": {}})
    found = extract_features(image, mask, settings)
    assert_same_features(found, by_pyradiomics(image, mask, settings))
    assert "halved_glcm_MCC" in found and "LBP3D is left to PyRadiomics" in caplog.text


def test_shape_of_a_lesion_in_one_slice_is_that_of_pyradiomics_with_force2d():
    from radiomics.featureextractor import RadiomicsFeatureExtractor

    image, mask = synthetic((slice(9, 10), slice(8, 20), slice(6, 21)))
    settings = parameters(2, {"Original": {}}, force2D=True, force2Ddimension=0)
    settings["featureClass"] = {"shape2D": None, "firstorder": None}
    found = measure_features(image, mask, settings)
    assert not found.problems and len(found.features) == 27
    expected = RadiomicsFeatureExtractor(settings).execute(image, mask)
    assert_same_features(found.features, {name: float(expected[name]) for name in found.features})
