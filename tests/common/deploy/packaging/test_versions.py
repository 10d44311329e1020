from __future__ import annotations

from common.deploy.package import TARGETS
from common.deploy.packaging.versions import read_versions, with_packages

METADATA = {"data_type": "nibabel or dicom", "required_packages_version": {"scipy": "1"}, "name": "some"}


def test_an_archive_without_our_library_declares_only_what_it_needs():
    found = with_packages(METADATA, TARGETS["inference"].packages)
    assert list(found["required_packages_version"]) == ["fire", "nibabel", "pytorch-ignite"]
    assert found["required_packages_version"].items() <= read_versions().items()
    assert METADATA["required_packages_version"] == {"scipy": "1"} and found["name"] == "some"


def test_pillow_is_declared_where_images_may_be_png_and_nothing_changes_for_archives_with_our_library():
    found = with_packages({**METADATA, "data_type": "nibabel, png or dicom"}, ("nibabel",))
    assert list(found["required_packages_version"]) == ["nibabel", "pillow"]
    assert with_packages(METADATA, TARGETS["zoo"].packages) == METADATA
