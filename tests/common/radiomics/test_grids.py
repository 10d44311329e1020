"""Files on oblique and other grids: the last digits of spacing, origin and direction decide resampling and LoG."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest
import SimpleITK as sitk
from scipy.spatial.transform import Rotation

from common.errors import InputError
from common.radiomics import extract_features

pytest.importorskip("radiomics")

TO_LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
OBLIQUE = Rotation.from_euler("xyz", [0.2, -0.13, 0.31]).as_matrix()
DIRECTIONS = {
    "straight": np.eye(3),
    "oblique": OBLIQUE,
    "left-handed": OBLIQUE @ np.diag([-1.0, 1.0, 1.0]),
    "nearly turned": Rotation.from_euler("xyz", [1e-4, 2e-4, np.pi - 1e-4]).as_matrix(),  # ITK rounds its quaternion
}
SPACINGS = {
    "anisotropic": [0.9, 0.9, 3.0],
    "isotropic": [1.0, 1.0, 1.0],
    "64 bits": [0.78125123456789, 0.701, 2.4999999],
}
FORMATS = {"sform": (1, 0), "qform": (0, 1), "both": (1, 1), "both aligned": (2, 2), "nrrd": None}
SETTINGS = {
    "LoG": {"imageType": {"LoG": {"sigma": [1.0, 3.0, 5.0]}}},
    "2 mm": {"setting": {"resampledPixelSpacing": [2, 2, 2]}, "imageType": {"Original": {}, "Wavelet": {}}},
    "1 mm": {"setting": {"resampledPixelSpacing": [1, 1, 1], "padDistance": 8}, "imageType": {"LoG": {"sigma": [2.0]}}},
    "slices": {"setting": {"resampledPixelSpacing": [0, 0, 2.2], "padDistance": 2}},
}


def phantom() -> tuple[np.ndarray, np.ndarray]:
    """Image and mask with axes x, y, z."""
    places = np.meshgrid(*map(np.arange, (25, 28, 21)), indexing="ij")
    image = np.random.default_rng(0).normal(400, 80, places[0].shape) + 20 * places[0]
    mask = sum(
        ((axis - centre) / radius) ** 2
        for axis, centre, radius in zip(places, (11.6, 14.2, 9.9), (6, 7, 5), strict=True)
    )
    return image.astype(np.int16), (mask < 1).astype(np.uint8)


def write(path: Path, voxels: np.ndarray, affine: np.ndarray, codes: tuple[int, int] | None) -> Path:
    """NIfTI with codes of sform and qform, or NRRD."""
    sizes = np.linalg.norm(affine[:3, :3], axis=0)
    if codes is None:
        image = sitk.GetImageFromArray(np.ascontiguousarray(voxels.T))
        image.SetSpacing(sizes.tolist())
        image.SetOrigin((TO_LPS @ affine)[:3, 3].tolist())
        image.SetDirection(((TO_LPS @ affine)[:3, :3] / sizes).ravel().tolist())
        sitk.WriteImage(image, path.with_suffix(".nrrd"))
        return path.with_suffix(".nrrd")
    image = nibabel.Nifti1Image(voxels, None)
    image.header.set_zooms(sizes)
    for code, set_form in zip(codes, (image.set_sform, image.set_qform), strict=True):
        if code:
            set_form(affine, code=code)
    image.header.set_xyzt_units("mm")
    nibabel.save(image, path)
    return path


def affine_of(direction: str, spacing: str) -> np.ndarray:
    affine = np.eye(4)
    affine[:3, :3] = DIRECTIONS[direction] * SPACINGS[spacing]
    affine[:3, 3] = [-37.123456, 20.98765, 11.3]
    return affine


def parameters(settings: dict) -> dict:
    return {"featureClass": {"firstorder": [], "shape": [], "glcm": ["Idm"]}, **settings}


def assert_stock(image: Path, mask: Path, settings: dict) -> None:
    """The features are those of PyRadiomics' own extractor for the same files."""
    from radiomics.featureextractor import RadiomicsFeatureExtractor

    extractor = RadiomicsFeatureExtractor(settings)
    extractor.settings["additionalInfo"] = False
    expected = {name: float(value) for name, value in extractor.execute(str(image), str(mask)).items()}
    found = extract_features(image, mask, settings)
    assert list(found) == list(expected)
    np.testing.assert_allclose(list(found.values()), list(expected.values()), rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("settings", SETTINGS)
@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize(
    ("direction", "spacing"),
    [
        ("straight", "64 bits"),
        ("oblique", "anisotropic"),
        ("oblique", "isotropic"),
        ("left-handed", "64 bits"),
        ("nearly turned", "anisotropic"),
    ],
)
def test_files_on_any_grid_give_the_features_of_the_stock_extractor(tmp_path, direction, spacing, form, settings):
    affine = affine_of(direction, spacing)
    paths = [
        write(tmp_path / f"{name}.nii.gz", voxels, affine, FORMATS[form])
        for name, voxels in zip(("image", "mask"), phantom(), strict=True)
    ]
    assert_stock(*paths, parameters(SETTINGS[settings]))


@pytest.mark.parametrize("settings", ["2 mm", "1 mm", "slices"])
def test_a_mask_is_resampled_from_its_own_grid_as_by_the_stock_extractor(tmp_path, settings):
    (image, mask), affine = phantom(), affine_of("oblique", "anisotropic")
    path = write(tmp_path / "image.nii.gz", image, affine, (1, 0))
    chosen = parameters(SETTINGS[settings])
    assert_stock(path, write(tmp_path / "rounded.nii.gz", mask, affine, (0, 1)), chosen)
    fine = affine @ np.diag([0.5, 0.5, 1, 1])
    fine[:3, 3] = (affine @ [2.8, 2.7, 1, 1])[:3]
    other = write(tmp_path / "other.nii.gz", mask.repeat(2, 0).repeat(2, 1)[5:-5, 5:-5, 1:-1], fine, (1, 0))
    with pytest.raises(InputError, match=r"other.nii.gz: size .*; resample the mask .* or set correctMask: true"):
        extract_features(path, other, chosen)
    chosen["setting"] = {**chosen["setting"], "correctMask": True}
    assert_stock(path, other, chosen)


def test_the_tolerance_of_grids_is_that_of_the_stock_extractor_where_it_is_set(tmp_path):
    (image, mask), affine = phantom(), affine_of("oblique", "anisotropic")
    turned = affine_of("oblique", "anisotropic")
    turned[:3, :3] = Rotation.from_euler("z", 4e-3).as_matrix() @ turned[:3, :3]  # a tenth of a voxel at the far end
    paths = write(tmp_path / "image.nii", image, affine, None), write(tmp_path / "mask.nii", mask, turned, None)
    with pytest.raises(InputError, match=r"mask.nrrd: voxel \(0, 27, 0\) is 0.0\d+ mm from the image's; .*correctMask"):
        extract_features(*paths)
    assert_stock(*paths, parameters({"setting": {"geometryTolerance": 1e-2}}))
    for tolerance in (1e-3, 1e-6):
        with pytest.raises(InputError, match="mm from the image's"):
            extract_features(*paths, parameters({"setting": {"geometryTolerance": tolerance}}))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_floats_with_a_slope_have_the_digits_of_the_stock_extractor(tmp_path, dtype):
    (image, mask), affine = phantom(), affine_of("straight", "anisotropic")
    path = write(tmp_path / "image.nii", (image + 1 / 7).astype(dtype), affine, (1, 0))
    content = bytearray(path.read_bytes())
    content[112:120] = np.array([0.1, 5], "<f4").tobytes()  # nibabel would divide by the slope
    path.write_bytes(content)
    assert_stock(
        path, write(tmp_path / "mask.nii", mask, affine, (1, 0)), {**parameters({}), "imageType": {"Wavelet": {}}}
    )


def test_a_mask_of_one_slice_is_refused_where_it_is_not_on_the_slice(tmp_path):
    (image, mask), affine = phantom(), affine_of("oblique", "anisotropic")
    image, mask = image[:, :, 9:10], mask[:, :, 9:10]
    path = write(tmp_path / "image.nii.gz", image, affine, (1, 0))
    values = extract_features(path, write(tmp_path / "mask.nii.gz", mask, affine, (1, 0)))
    elsewhere, moved = affine.copy(), affine @ np.diag([0.5, 0.5, 1, 1])
    elsewhere[:3, 3] += affine[:3, 2]
    other = write(tmp_path / "other.nii.gz", mask, elsewhere, (1, 0))
    for setting in ({}, {"resampledPixelSpacing": [2, 2, 2]}):
        with pytest.raises(InputError, match=r"other.nii.gz: voxel .* is 3 mm from the image's"):
            extract_features(path, other, {"setting": setting})
    with pytest.raises(InputError, match=r"other.nii.gz: the lesion reaches 1 voxels out of the image"):
        extract_features(path, other, {"setting": {"correctMask": True}})
    moved[:3, 3] = (affine @ [2.75, 1.75, 0, 1])[:3]  # finer, and without the first voxels
    fine = write(tmp_path / "fine.nii.gz", mask.repeat(2, 0).repeat(2, 1)[6:, 4:], moved, (1, 0))
    found = extract_features(path, fine, {"setting": {"correctMask": True}})
    np.testing.assert_allclose(list(found.values()), list(values.values()), rtol=1e-6, atol=1e-9)
    resampled = {"correctMask": True, "resampledPixelSpacing": [2, 2, 2]}
    found = extract_features(path, fine, {"setting": resampled})
    values = extract_features(path, tmp_path / "mask.nii.gz", {"setting": resampled})
    np.testing.assert_allclose(list(found.values()), list(values.values()), rtol=1e-6, atol=1e-9)
