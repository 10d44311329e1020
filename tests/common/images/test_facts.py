from __future__ import annotations

from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from monai.transforms import LoadImage

from common.images.facts import read_image_facts
from common.images.stored_image import UnreadableImageError


def test_facts_of_a_nifti_are_those_of_monais_reader(cohort):
    affine = np.array([[0, -2.0, 0, 5], [1.5, 0, 0, -7], [0, 0, 3, 1], [0, 0, 0, 1]])
    path = cohort.nifti("x.nii.gz", cohort.noise(), affine)
    facts, image = read_image_facts(str(path)), LoadImage(ensure_channel_first=True)(path)
    assert (facts.channels, *facts.spatial_shape) == tuple(image.shape)
    np.testing.assert_allclose(facts.affine, image.affine.numpy())


def test_channels_of_a_4d_nifti_are_those_of_monais_reader(cohort):
    path = cohort.nifti("x.nii.gz", cohort.noise((8, 9, 10, 3)))
    facts, image = read_image_facts(str(path)), LoadImage(ensure_channel_first=True)(path)
    assert (facts.channels, *facts.spatial_shape) == tuple(image.shape) == (3, 8, 9, 10)


def test_values_of_a_mask_are_counted(cohort):
    facts = read_image_facts(str(cohort.nifti("x.nii", cohort.box(value=4))), is_mask=True)
    assert facts.values == ((0.0, 720 - 27), (4.0, 27))


def test_scaled_integers_are_read_as_the_scaled_values(cohort):
    image = nib.Nifti1Image(cohort.box(value=6), np.eye(4))
    image.header.set_slope_inter(0.5, 0)
    nib.save(image, cohort.folder / "x.nii.gz")
    # The stored 6 means 3.
    assert read_image_facts(str(cohort.folder / "x.nii.gz"), is_mask=True).values[1][0] == 3.0


def test_voxels_that_are_colours_or_complex_are_refused(cohort):
    path = cohort.nifti("x.nii.gz", cohort.noise().astype(np.complex64))
    with pytest.raises(UnreadableImageError, match="voxels of type complex64"):
        read_image_facts(str(path))


def test_nrrd_is_read_with_its_geometry(shared_data):
    folder = shared_data / "pyradiomics"
    image = read_image_facts(str(folder / "brain1_image.nrrd"))
    label = read_image_facts(str(folder / "brain1_label.nrrd"), is_mask=True)
    assert image.spatial_shape == label.spatial_shape == (256, 256, 25)
    np.testing.assert_allclose(
        np.linalg.norm(np.array(image.affine)[:3, :3], axis=0), (0.78125, 0.78125, 6.5), rtol=1e-5
    )
    np.testing.assert_allclose(image.affine, label.affine, atol=1e-4)
    assert [value for value, _ in label.values] == [0, 1]


# What becomes of each: None where it must load, or words of the reason.
AWKWARD = {
    "dicom2nifti/failing/gantrytilting/001": "gantry tilt",
    "dicom2nifti/failing/notavolume/001": "two slices at one position",
    "dicom2nifti/failing/sliceincrement/001": "a slice is missing",
    "dicom2nifti/failing/sliceincrement/002": "a slice is missing",
    "dicom2nifti/failing/sliceorientation/001": "slice orientations that differ by 1.2",
    "dicom2nifti/failing/slicecount/001": None,
    "dicom2nifti/generic/compressed_rle/001": None,
    "dicom2nifti/generic/compressed_jpegls/001": None,
    "dicom2nifti/generic/compressed_j2k/001": None,
    "dicom2nifti/generic/compressed_jpeg/001": None,
    "dicom2nifti/hyperfine/anatomical/001": None,
    "totalseg_ct/example_ct_dicom": None,
    "pydicom_small": "emri_small_jpeg_2k_lossless_too_short.dcm: found an image's header without Rows",
    "pydicom_small/emri_small_big_endian.dcm": "found 10 frames without a position",
    "pydicom_small/emri_small_jpeg_2k_lossless_too_short.dcm": "header without Rows",
    "dcmqi_ct_seg/24x38x3/nrrd": "without DICOM images",
    "dcmqi_ct_seg/liver_seg.nrrd": None,
    "nibabel/example_nifti2.nii.gz": None,
    "nibabel/minc2_4d.mnc": None,
    "nibabel/phantom_truncated.PAR": "unreadable",
    "nibabel/analyze.hdr": "unreadable",
    "nibabel/row_major.dconn.nii": "found 6 axes",
    "nibabel/example4d+orig.HEAD": "unreadable",
    "nibabel/test.mgz": "unreadable",
}


@pytest.mark.parametrize("name", AWKWARD)
def test_an_awkward_file_loads_or_the_error_states_why_not(shared_data, name):
    path, reason = str(shared_data / "awkward" / name), AWKWARD[name]
    if reason is None:
        facts = read_image_facts(path)
        assert facts.has_content and len(facts.spatial_shape) == 3
    else:
        with pytest.raises(UnreadableImageError, match=reason):
            read_image_facts(path)


@pytest.mark.slow
def test_every_awkward_file_loads_or_fails_with_one_line(shared_data):
    root = shared_data / "awkward"
    tried = 0
    for path in sorted(item for item in root.rglob("*") if item.is_file()):
        if Path(path).suffix in (".txt", ".md", ""):
            continue
        tried += 1
        try:
            assert min(read_image_facts(str(path)).spatial_shape) > 0
        except UnreadableImageError as error:
            assert "\n" not in str(error) and str(error).startswith("found ") and len(str(error)) < 300
    assert tried > 200
