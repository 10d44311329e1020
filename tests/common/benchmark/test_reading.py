from __future__ import annotations

import json

import pytest

from common.benchmark import make_images, measure_loading, measure_scan, reading_table


def test_both_readers_read_each_image_of_each_format_in_every_round(tmp_path):
    images = make_images(tmp_path, num_images=2, size=8)
    result = measure_loading(images, rounds=3)
    assert [(row["images"], row["count"]) for row in result["rows"]] == [("NIfTI", 2), ("DICOM", 2)]
    for row in result["rows"]:
        ratio = row["time over MONAI"]
        assert 0 < ratio["min"] <= ratio["median"] <= ratio["max"]
        assert row["seconds"].keys() == {"MONAI", "checked"}
    assert "time over MONAI" in reading_table(result) and json.dumps(result)


def test_the_phantoms_are_the_same_volume_in_both_formats(tmp_path):
    images = make_images(tmp_path, num_images=1, size=8)
    from common.images.read import read_image

    nifti, dicom = (read_image(images[name][0]) for name in ("NIfTI", "DICOM"))
    assert (nifti.voxels == dicom.voxels).all() and nifti.affine == pytest.approx(dicom.affine)


def test_the_scan_finds_all_files_that_were_written(tmp_path):
    result = measure_scan(tmp_path, num_files=130, size=8)
    assert {**result, "seconds": 0} == {"files": 130, "studies": 2, "unreadable": 0, "seconds": 0}
    assert result["seconds"] > 0
