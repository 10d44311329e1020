from __future__ import annotations

from functools import partial

import nibabel as nib
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from common.images.nifti import read_nifti, write_nifti
from common.images.stored_image import UnreadableImageError

AFFINE = np.array([[-1.5, -0.14, 0, 10], [0.15, -1.4, 0, 20], [0, 0, 7, 30], [0, 0, 0, 1.0]])


@pytest.mark.parametrize("shape", [(6, 5), (6, 5, 4)])
@pytest.mark.parametrize(("factor", "dtype"), [(1, np.int16), (0.5, np.float32), (40, np.float32)])
def test_voxels_and_geometry_come_back(tmp_path, shape, factor, dtype):
    voxels = np.random.default_rng(0).integers(-1000, 1000, shape).astype(np.float32) * factor
    image = nib.load(write_nifti(tmp_path / "new" / "x.nii.gz", voxels, AFFINE))
    assert image.get_data_dtype() == dtype
    np.testing.assert_array_equal(image.get_fdata(), voxels)
    np.testing.assert_allclose(image.affine, AFFINE, atol=1e-6)
    np.testing.assert_allclose(image.header["pixdim"][1:4], np.linalg.norm(AFFINE[:3, :3], axis=0), rtol=1e-5)


def test_the_spacing_is_that_of_pixdim_to_the_last_digit(tmp_path):
    spacing = tuple(np.float32(np.linalg.norm(AFFINE[:3, :3], axis=0)).tolist())
    path = write_nifti(tmp_path / "x.nii", np.ones((6, 5, 4)), AFFINE, spacing)
    assert read_nifti(path).spacing == spacing
    assert tuple(np.linalg.norm(read_nifti(path).affine[:3, :3], axis=0)) != spacing  # its columns are rounded


def test_an_interrupted_write_leaves_the_old_file_and_no_other(tmp_path, monkeypatch):
    path = write_nifti(tmp_path / "x.nii.gz", np.ones((3, 3)), AFFINE)
    old = path.read_bytes()

    def fail(image, target):
        target.write_bytes(b"half")
        raise KeyboardInterrupt

    monkeypatch.setattr("nibabel.save", fail)
    with pytest.raises(KeyboardInterrupt):
        write_nifti(path, np.zeros((3, 3)), AFFINE)
    assert path.read_bytes() == old and list(tmp_path.iterdir()) == [path]


def test_a_sform_is_sheared_where_it_is_for_itk(tmp_path):
    import SimpleITK as sitk

    path, seen = tmp_path / "x.nii", []
    image = nib.Nifti1Image(np.ones((6, 5, 4), dtype=np.uint8), None)
    for seed in range(60):
        affine = np.eye(4)
        affine[:3, :3] = (Rotation.random(random_state=seed).as_matrix() * [0.7, 1.1, 3]).round(4)
        image.header.set_zooms(np.linalg.norm(affine[:3, :3], axis=0))
        image.set_sform(affine, code=1)
        nib.save(image, path)
        reader = sitk.ImageFileReader()
        reader.SetFileName(str(path))
        outcomes = []
        for read in (reader.ReadImageInformation, partial(read_nifti, path)):
            try:
                outcomes.append(bool(read() or True))
            except (RuntimeError, UnreadableImageError):
                outcomes.append(False)
        seen.append(tuple(outcomes))
    assert set(seen) == {(True, True), (False, False)}
