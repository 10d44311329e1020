from __future__ import annotations

import os

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk

from common.images.companions import companions
from common.images.facts_cache import file_stamp
from common.images.read import image_digest


def write(path, value: int):
    """An image of one value, with the voxels in a file of its own."""
    path.parent.mkdir(exist_ok=True)
    voxels = np.full((3, 4, 5), value, dtype=np.int16)
    if path.suffix in (".hdr", ".img"):
        nib.save(nib.Nifti1Pair(voxels, np.eye(4)), path.with_suffix(".img"))
    else:
        sitk.WriteImage(sitk.GetImageFromArray(voxels), path)
    return path


@pytest.mark.parametrize("name", ["image.mhd", "image.nhdr", "image.hdr", "image.img"])
def test_images_with_equal_headers_and_other_voxels_have_other_digests_and_stamps(tmp_path, name):
    first, second, third = (write(tmp_path / f"{index}" / name, value) for index, value in enumerate((1, 2, 1)))
    assert first.name.endswith("img") or first.read_bytes() == second.read_bytes()
    assert image_digest(first) == image_digest(third) != image_digest(second)
    (voxels,) = companions(first)
    before = file_stamp(str(first))
    os.utime(voxels, ns=(0, 2 * before[-1]))
    assert file_stamp(str(first)) != before


@pytest.mark.parametrize("text", ["LIST\na.raw\nb.raw", "%c.raw 1 2 1", "absent.raw"])
def test_a_header_of_several_files_of_voxels_has_all_others_of_its_folder(tmp_path, text):
    for name in ("a.raw", "b.raw"):
        (tmp_path / name).write_bytes(b"\0")
    (tmp_path / "image.MHD").write_text(f"ObjectType = Image\nElementDataFile = {text}\n")
    assert [path.name for path in companions(tmp_path / "image.MHD")] == ["a.raw", "b.raw"]


@pytest.mark.parametrize("name", ["a.nii.gz", "a.mha", "a.nrrd"])
def test_a_file_with_its_own_voxels_has_none(tmp_path, name):
    sitk.WriteImage(sitk.GetImageFromArray(np.ones((3, 4, 5), dtype=np.int16)), tmp_path / name)
    (tmp_path / "other.raw").write_bytes(b"\0")
    assert companions(tmp_path / name) == []
