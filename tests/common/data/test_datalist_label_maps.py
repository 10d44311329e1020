"""Rows whose label is the path of a label map."""

from __future__ import annotations

import json
from collections import defaultdict

import numpy as np
import pytest

from common.data import hold_out, keep_label_fraction, load_datalist, write_datalist
from common.errors import InputError
from tests.common.data.cohorts.dicom_studies import write_series


@pytest.fixture
def lesions(cohort):
    cohort.content["labels"] = {"0": "background", "1": "lesion"}
    for row in cohort.rows:
        row["label"] = row.pop("mask")
    return cohort


def load(cohort, **settings):
    return load_datalist(cohort.save(), **{"label": "mask", **settings})


def test_paths_are_absolute_and_written_relative_again(lesions, tmp_path):
    rows = load(lesions)
    assert [row["label"] for row in rows] == [str(lesions.folder / f"s{i}_seg.nii.gz") for i in range(6)]
    written = json.loads(write_datalist(lesions.folder / "new.json", rows).read_text())
    assert [row["label"] for row in written["training"]] == [f"s{i}_seg.nii.gz" for i in range(6)]


def test_a_map_may_be_empty_where_a_mask_may_not(lesions):
    lesions.nifti("s2_seg.nii.gz", lesions.box(value=0))
    assert len(load(lesions)) == 6
    lesions.rows[2]["mask"] = "s2_seg.nii.gz"
    with pytest.raises(InputError, match="found an empty mask"):
        load(lesions)


def test_all_wrong_maps_are_reported_at_once(lesions):
    lesions.nifti("s0_seg.nii.gz", lesions.box(value=2))
    lesions.nifti("s1_seg.nii.gz", lesions.box((8, 9, 11)))
    lesions.nifti("s2_seg.nii.gz", np.random.default_rng(0).random((8, 9, 10)).astype(np.float32))
    lesions.rows[3]["label"] = "none.nii.gz"
    lesions.rows[4]["label"] = 1
    del lesions.rows[5]["label"]
    with pytest.raises(InputError) as error:
        load(lesions)
    lines = [line.strip() for line in str(error.value).splitlines()]
    assert lines[0].endswith("6 problems")
    assert "s0) label:" in lines[1] and "found the values [2], expected 0..1" in lines[1]
    assert "s1) label:" in lines[2] and "found shape (8, 9, 11), expected (8, 9, 10)" in lines[2]
    assert "s2) label:" in lines[3] and "found values that are no labels" in lines[3]
    assert "s3) label:" in lines[4] and "found no such file" in lines[4]
    assert "s4) label: found 1, expected the path of a label map" in lines[5]
    assert "s5) label: found none, expected the path of a label map" in lines[6]


def test_a_map_where_a_class_is_expected_is_reported_with_the_way_out(lesions):
    with pytest.raises(InputError, match=r"found 's0_seg.nii.gz', expected .*; a label map needs label 'mask'"):
        load(lesions, label="optional")
    assert all("label" not in row for row in load(lesions, label="ignored"))


def test_a_map_can_belong_to_a_dicom_series(lesions):
    write_series(lesions.folder / "dicom", "FLAIR", 90.0)  # 5 x 6 x 4 voxels of 1.25 x 1.5 x 7 mm
    mask = np.zeros((5, 6, 4), dtype=np.uint8)
    mask[2, 3, 1] = 1
    lesions.nifti("dicom_seg.nii.gz", mask, np.diag([-1.25, -1.5, 7.0, 1.0]))
    lesions.rows[:] = [{"image": "dicom", "label": "dicom_seg.nii.gz", "subject": "d", "fold": 0}]
    assert load(lesions)[0]["image"] == str(lesions.folder / "dicom")
    lesions.nifti("dicom_seg.nii.gz", mask, np.diag([1.25, 1.5, 7.0, 1.0]))
    with pytest.raises(InputError, match=r"found a grid up to .* voxels away"):
        load(lesions)


def test_holding_out_and_label_fractions_keep_subjects_together(lesions):
    lesions.rows += [{**row, "session": 2} for row in lesions.rows]
    rows = load(lesions, check="none")
    stay, held_out = hold_out(rows, 0.34)
    assert not {row["subject"] for row in stay} & {row["subject"] for row in held_out}
    assert len(stay) + len(held_out) == 12 and len(held_out) in (2, 4)
    counts = defaultdict(int)
    for row in keep_label_fraction(rows, 0.5):
        counts[row["subject"]] += 1
    assert list(counts.values()) == [2, 2, 2]
