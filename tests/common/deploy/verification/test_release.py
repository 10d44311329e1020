from __future__ import annotations

import json

import pytest

from common import InputError
from common.deploy.verification.release import check_release


@pytest.fixture
def folder(tmp_path):
    """The least that names a release: siam3d_imbalance 0.2.0."""
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/provenance.json").write_text(json.dumps({"bundle": "siam3d_imbalance", "version": "0.2.0"}))
    return tmp_path


@pytest.mark.parametrize("required", ["siam3d_imbalance==0.2.0", "siam3d_imbalance >= 0.1", "siam3d_imbalance>0.1,<1"])
def test_the_wanted_release_passes(required, folder):
    check_release(folder, required)


@pytest.mark.parametrize("required", ["siam3d_imbalance==0.2.1", "siam3d_imbalance>=0.10", "liver_cgc==0.2.0"])
def test_another_release_or_bundle_is_refused_in_one_line(required, folder):
    with pytest.raises(InputError, match=r"^docs/provenance\.json: siam3d_imbalance 0\.2\.0; expected") as refused:
        check_release(folder, required)
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("required", ["", "siam3d_imbalance", "3D Siam==1", "a==1; python_version>'3'", "a[b]==1"])
def test_a_condition_that_names_no_version_is_refused(required, folder):
    with pytest.raises(InputError, match=r"^require: .*; expected a bundle and its version"):
        check_release(folder, required)


@pytest.mark.parametrize(
    "content", [None, "{", "[]", '{"bundle": "a"}', '{"bundle": "a", "version": "new"}', "[" * 99999]
)
def test_an_archive_that_does_not_name_its_release_is_refused(content, folder):
    path = folder / "docs/provenance.json"
    path.unlink() if content is None else path.write_text(content)
    with pytest.raises(InputError, match=r"^docs/provenance\.json: .*; expected bundle and version"):
        check_release(folder, "a==1")
