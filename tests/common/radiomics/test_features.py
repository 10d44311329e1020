from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import SimpleITK as sitk

from common.errors import InputError
from common.radiomics import RadiomicsSettings, extract_features, feature_names

pytest.importorskip("radiomics")

# IBSI-1 digital phantom, 3D: our name -> its tag. PyRadiomics defines kurtosis (+3) and axis lengths otherwise.
IBSI = {
    "shape_MeshVolume": "morph_volume",
    "shape_VoxelVolume": "morph_vol_approx",
    "shape_SurfaceArea": "morph_area_mesh",
    "shape_Sphericity": "morph_sphericity",
    "shape_Maximum3DDiameter": "morph_diam",
    "shape_MajorAxisLength": "morph_pca_maj_axis",
    "shape_Flatness": "morph_pca_flatness",
    "firstorder_Mean": "stat_mean",
    "firstorder_Variance": "stat_var",
    "firstorder_Skewness": "stat_skew",
    "firstorder_90Percentile": "stat_p90",
    "firstorder_Energy": "stat_energy",
    "firstorder_Entropy": "ih_entropy",
    "glcm_JointEnergy": "cm_energy_3D_avg",
    "glcm_Contrast": "cm_contrast_3D_avg",
    "glcm_Correlation": "cm_corr_3D_avg",
    "glcm_Idm": "cm_inv_diff_mom_3D_avg",
    "glrlm_ShortRunEmphasis": "rlm_sre_3D_avg",
    "glrlm_RunEntropy": "rlm_rl_entr_3D_avg",
    "glszm_ZonePercentage": "szm_z_perc_3D",
    "glszm_LargeAreaEmphasis": "szm_lze_3D",
    "ngtdm_Coarseness": "ngt_coarseness_3D",
    "ngtdm_Busyness": "ngt_busyness_3D",
    "gldm_DependenceEntropy": "ngl_dc_entr_3D",
    "gldm_LargeDependenceEmphasis": "ngl_hde_3D",
}
BANDS = ("LH", "HL", "HH", "LL")


def test_the_default_is_the_107_features_of_the_paper():
    classes = pd.Series([name.split("_")[1] for name in feature_names(RadiomicsSettings.load())]).value_counts()
    expected = {"shape": 14, "firstorder": 18, "glcm": 24, "gldm": 14, "glrlm": 16, "glszm": 16, "ngtdm": 5}
    assert classes.to_dict() == expected


def test_features_of_the_ibsi_phantom_are_within_its_tolerances(shared_data):
    folder = shared_data / "ibsi"
    reference = pd.read_csv(folder / "ref.csv", sep=";").set_index("tag")
    settings = {"setting": {"binWidth": 1}}
    features = extract_features(folder / "phantom.nii.gz", folder / "mask.nii.gz", settings)
    for ours, tag in IBSI.items():
        value, tolerance = reference.loc[tag, ["reference value", "tolerance"]]
        # References are rounded to three digits, and ask for equality where the tolerance is zero.
        assert features[f"original_{ours}"] == pytest.approx(value, abs=max(tolerance, 0.006 * abs(value))), ours


def lesion(size: int = 12) -> tuple[np.ndarray, np.ndarray]:
    image = np.random.default_rng(0).normal(500, 80, (size,) * 3)
    mask = np.zeros((size,) * 3, dtype=np.int16)
    mask[2:7, 3:8, 4:9] = 1
    mask[8:11, 8:11, 2:9] = 2
    return image, mask


def measure(image: np.ndarray, mask: np.ndarray, settings=None) -> dict[str, float]:
    return extract_features(sitk.GetImageFromArray(image), sitk.GetImageFromArray(mask), settings)


def test_without_mask_label_all_labels_are_one_lesion_and_with_it_only_that_one():
    image, mask = lesion()
    name = "original_shape_VoxelVolume"
    assert measure(image, mask)[name] == (mask > 0).sum()
    assert measure(image, mask, RadiomicsSettings.load(mask_label=2))[name] == (mask == 2).sum()
    assert measure(image, mask, {"setting": {"label": 2}})[name] == (mask == 2).sum()


def test_the_asked_channel_of_a_4d_file_is_measured(tmp_path):
    image, mask = lesion()
    stack = sitk.JoinSeries([sitk.GetImageFromArray(image), sitk.GetImageFromArray(2 * image)])
    sitk.WriteImage(stack, tmp_path / "image.nii.gz")
    sitk.WriteImage(sitk.GetImageFromArray(mask), tmp_path / "mask.nii.gz")
    features = extract_features(tmp_path / "image.nii.gz", tmp_path / "mask.nii.gz", channel=1)
    assert features["original_firstorder_Mean"] == pytest.approx((2 * image)[mask > 0].mean())
    with pytest.raises(InputError, match="2 channels; expected one with index 2"):
        extract_features(tmp_path / "image.nii.gz", tmp_path / "mask.nii.gz", channel=2)
    with pytest.raises(InputError, match=r"image.nii.gz: 2 channels; expected one; choose one, such as --modality 0"):
        extract_features(tmp_path / "image.nii.gz", tmp_path / "mask.nii.gz")
    with pytest.raises(InputError, match=r"image.nii.gz: 2 channels; expected one; save one of them as the mask"):
        extract_features(tmp_path / "mask.nii.gz", tmp_path / "image.nii.gz")


def test_a_mask_whose_header_differs_by_rounding_is_accepted():
    image, mask = (sitk.GetImageFromArray(array) for array in lesion())
    mask.SetOrigin((1e-4, 0, 0))
    assert extract_features(image, mask)["original_shape_VoxelVolume"] == 188


def set_nan(image, mask):
    image[4, 4, 5] = np.nan


def set_constant(image, mask):
    image[:] = 3


def set_unit_range(image, mask):
    image[:] = (image - image.min()) / np.ptp(image)


def set_huge_range(image, mask):
    image *= 1000


def set_empty(image, mask):
    mask[:] = 0


def set_few_voxels(image, mask):
    mask[:] = 0
    mask[4, 4:6, 4:6] = 1


def set_full(image, mask):
    mask[:] = 1


def set_negative(image, mask):
    mask[0, 0, 0] = -1


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (set_nan, "image: 1 voxels in or around the lesion are NaN"),
        (set_constant, "image: constant \\(3\\) in the lesion"),
        (set_unit_range, "image: 1 grey level in the lesion .*set binWidth to about 0.0"),
        (set_huge_range, "image: [0-9]+ grey levels in the lesion .*expected 2 to 512"),
        (set_empty, "mask: empty"),
        (set_few_voxels, "mask: 4 voxels in the lesion; expected at least 27"),
        (set_full, "mask: covers the whole image"),
        (set_negative, "mask: values such as -1"),
    ],
)
def test_what_cannot_be_measured_is_refused_in_one_line(spoil, message):
    image, mask = lesion()
    spoil(image, mask)
    with pytest.raises(InputError, match=message) as caught:
        measure(image, mask)
    assert "\n" not in str(caught.value)


def test_an_absent_label_is_refused_with_those_that_are_there():
    with pytest.raises(InputError, match="label 7 is absent; found 1, 2"):
        measure(*lesion(), RadiomicsSettings.load(mask_label=7))


def test_a_mask_on_another_grid_is_refused():
    image, mask = (sitk.GetImageFromArray(array) for array in lesion())
    with pytest.raises(InputError, match=r"mask: size \(11, 12, 12\), but the image has \(12, 12, 12\)"):
        extract_features(image, mask[1:])
    mask.SetSpacing((1, 1, 1.1))
    with pytest.raises(InputError, match=r"is 1.1 mm from the image's"):
        extract_features(image, mask)


def test_a_truncated_nifti_is_refused_although_itk_reads_it_as_zeros(tmp_path):
    image, mask = lesion()
    for name, array in {"image": image, "mask": mask}.items():
        sitk.WriteImage(sitk.GetImageFromArray(array), tmp_path / f"{name}.nii.gz")
    whole = (tmp_path / "image.nii.gz").read_bytes()
    (tmp_path / "image.nii.gz").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(InputError, match=r"image.nii.gz: found a truncated file, expected a complete one"):
        extract_features(tmp_path / "image.nii.gz", tmp_path / "mask.nii.gz")


def test_one_slice_is_measured_in_2d_with_its_shape():
    image, mask = (array[4:5] for array in lesion())
    filters = {"Original": {}, "LoG": {"sigma": [1.0]}, "Wavelet": {}}
    settings = RadiomicsSettings.load({"imageType": filters}, min_voxels=25)
    found = measure(image, mask, settings)
    assert found["original_shape2D_PixelSurface"] == (mask > 0).sum()
    assert not any(name.startswith("original_shape_") for name in found)
    assert np.isfinite(found["log-sigma-1-0-mm-3D_firstorder_Mean"])  # PyRadiomics drops LoG of (x, y, 1)
    assert {name.split("_")[0] for name in found if "wavelet" in name} == {f"wavelet-{band}" for band in BANDS}
    assert measure(image[0], mask[0], settings) == found
    forced = RadiomicsSettings.load({"imageType": filters, "setting": {"force2D": True}}, min_voxels=25)
    assert measure(image, mask, forced) == found


def test_a_volume_and_a_plane_as_its_mask_are_refused():
    image, mask = lesion()
    with pytest.raises(InputError, match="mask: 2 axes, but the image has 3"):
        measure(image, mask[4])


def test_nan_far_from_the_lesion_matters_to_filters_only():
    image, mask = lesion()
    image[0, 0, 0] = np.nan
    assert np.isfinite(list(measure(image, mask).values())).all()
    with pytest.raises(InputError, match="1 voxels in or around the lesion are NaN"):
        measure(image, mask, {"imageType": {"Square": {}}})


def test_what_resegmentation_leaves_counts_for_the_cap_on_levels():
    image, mask = lesion()
    image[3, 4, 5] = 1e6
    with pytest.raises(InputError, match="grey levels in the lesion"):
        measure(image, mask)
    assert measure(image, mask, {"setting": {"resegmentRange": [0, 2000]}})["original_firstorder_Maximum"] < 2000


@pytest.mark.parametrize("dimension", [2, 3])
def test_the_schema_has_all_names_of_any_filter_whatever_a_case_lacks(dimension):
    filters = {"LoG": {"sigma": [200.0]}, "Wavelet": {"level": 2}, "Exponential": {}, "Original": {}}
    settings = RadiomicsSettings.load({"imageType": filters, "featureClass": {"shape": None, "glcm": ["MCC"]}})
    names = feature_names(settings, dimension)
    shape = 9 if dimension == 2 else 14
    assert len(names) == shape + 1 + 2 * (2**dimension - 1) + 1 + 2
    assert names[shape] == "log-sigma-200-0-mm-3D_glcm_MCC" and names[-1] == "original_glcm_MCC"
    assert names[-3] == f"wavelet2-{'L' * dimension}_glcm_MCC"


def test_with_correct_mask_a_lesion_that_reaches_out_of_the_image_is_refused():
    image, _ = lesion(16)
    mask = np.zeros((16, 16, 24), dtype=np.uint8)
    mask[4:12, 4:12, 12:20] = 1
    settings = {"setting": {"correctMask": True}, "featureClass": {"firstorder": []}}
    with pytest.raises(InputError, match=r"reaches 4 voxels out of the image \(correctMask\)"):
        measure(image, mask, settings)
    mask[..., 16:] = 0
    assert measure(image, mask, settings) == measure(image, mask[..., :16], settings)


def test_the_least_extent_and_size_of_pyradiomics_are_honoured():
    image, mask = lesion()
    mask[:] = 0
    mask[4, 2:10, 2:10] = 1
    classes = {"firstorder": []}
    measure(image, mask, {"featureClass": classes})
    with pytest.raises(InputError, match=r"extends along 2 axes; expected 3 \(minimumROIDimensions\)"):
        measure(image, mask, {"setting": {"minimumROIDimensions": 3}, "featureClass": classes})
    with pytest.raises(InputError, match=r"64 voxels in the lesion; expected more than 64 \(minimumROISize\)"):
        measure(image, mask, {"setting": {"minimumROISize": 64}, "featureClass": classes})
