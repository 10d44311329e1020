"""Any image file is either read or refused in one line."""

from __future__ import annotations

import gzip
import io
import subprocess
import sys
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image
from pydicom.uid import generate_uid

from common.images.facts import read_image_facts
from common.images.stored_image import UnreadableImageError
from common.images.studies import find_studies
from tests.common.deploy.made_studies import write_dicom
from tests.fuzzing import damaged

pytestmark = pytest.mark.fuzz


@pytest.fixture(scope="module")
def seeds(tmp_path_factory) -> dict[str, bytes]:
    """Small complete images of each kind by suffix."""
    folder = tmp_path_factory.mktemp("seeds")
    voxels = np.arange(4 * 5 * 3, dtype=np.int16).reshape(4, 5, 3)
    nifti = nib.Nifti1Image(voxels, np.eye(4)).to_bytes()
    picture = io.BytesIO()
    Image.fromarray(voxels[..., 0].astype(np.uint8)).save(picture, "PNG")
    (slice_, *_) = write_dicom(folder, voxels, np.eye(4), "T1", generate_uid())
    return {".nii": nifti, ".nii.gz": gzip.compress(nifti), ".png": picture.getvalue(), ".dcm": slice_.read_bytes()}


@pytest.mark.parametrize("suffix", [".nii", ".nii.gz", ".png"])
@given(data=st.data())
def test_an_image_is_read_or_refused_in_one_line(data, suffix, seeds, tmp_path_factory):
    path = tmp_path_factory.getbasetemp() / f"damaged{suffix}"
    inner = data.draw(damaged([seeds[suffix]]))
    if suffix == ".nii.gz" and data.draw(st.booleans()):  # so that not only gzip's checksum is tried
        inner = gzip.compress(data.draw(damaged([seeds[".nii"]])))
    path.write_bytes(inner)
    for is_mask in (False, True):
        try:
            facts = read_image_facts(str(path), is_mask=is_mask)
        except UnreadableImageError as error:
            assert "\n" not in str(error)
        else:
            assert np.prod(facts.spatial_shape) * facts.channels <= 1 << 20


@pytest.fixture(scope="module")
def reported(project, tmp_path_factory) -> list[Path]:
    """The files of public bug reports, F1 to F18."""
    script = project.parent / "shared" / "cases" / "reports" / "repro.py"
    if not script.is_file():
        pytest.skip(f"no {script}, which makes the files of public bug reports")
    folder = tmp_path_factory.mktemp("reported")
    subprocess.run([sys.executable, script, folder], check=True, capture_output=True)
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and path.suffix not in (".csv", ".yaml")]
    assert len(files) > 100
    return files


@given(data=st.data())
def test_a_file_of_a_bug_report_is_read_or_refused_in_one_line_also_when_it_is_damaged(
    data, reported, tmp_path_factory
):
    seed = data.draw(st.sampled_from(reported))
    content = seed.read_bytes()
    path = tmp_path_factory.getbasetemp() / f"damaged_{seed.name}"
    path.write_bytes(data.draw(st.one_of(st.just(content), damaged([content]))))
    try:
        for is_mask in (False, True):
            read_image_facts(str(path), is_mask=is_mask)
    except UnreadableImageError as error:
        assert "\n" not in str(error)
    finally:
        path.unlink()


@given(data=st.data())
def test_a_dicom_file_is_part_of_a_study_or_refused_in_one_line_or_no_dicom(data, seeds, tmp_path_factory):
    folder = tmp_path_factory.getbasetemp() / "studies"
    folder.mkdir(exist_ok=True)
    (folder / "damaged.dcm").write_bytes(data.draw(damaged([seeds[".dcm"]])))
    studies, unreadable = find_studies(folder, ["SeriesDescription", "EchoTime"])
    assert len(studies) + len(unreadable) <= 1
    assert all("\n" not in reason for reason in unreadable.values())
