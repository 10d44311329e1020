"""The rows of a study and the fingerprint of its cohort, on small NIfTI files."""

from __future__ import annotations

import json
from pathlib import Path

import nibabel
import numpy as np
import pytest

from common.bundle_configs import BundleConfigs
from common.data import load_datalist
from common.errors import InputError
from common.study.cohort import describe_cohort
from common.study.image_sample import measure_images
from common.study.plan_text import describe_plan
from common.study.planning import _describe
from common.study.protocol import Protocol
from common.study.study_datalist import read_study_rows, write_study_datalist
from common.study.trial import choose_cases
from tests.common.study.builders import SAMPLE, plan

PROTOCOL = Protocol(methods=("scratch",), rules=(), mask="required")
SPACING = (0.5, 2.0, 1.0)


def write_case(folder: Path, name: str, size: int, value: float = 100.0) -> dict[str, str]:
    """An image along A, R, S with a box of ``size`` voxels as its lesion."""
    generator = np.random.default_rng(size)
    image = generator.normal(0, 1, (12, 10, 8)).astype(np.float32)
    mask = np.zeros(image.shape, np.uint8)
    mask[2 : 2 + size, 1:4, 3:5] = 1
    image[mask > 0] = value
    affine = np.diag([0.0, 0.0, SPACING[2], 1.0])
    affine[1, 0], affine[0, 1] = SPACING[0], SPACING[1]  # the first axis runs to anterior, the second to the right
    for kind, array in (("image", image), ("mask", mask)):
        nibabel.save(nibabel.Nifti1Image(array, affine), folder / f"{name}_{kind}.nii.gz")
    return {kind: f"{name}_{kind}.nii.gz" for kind in ("image", "mask")}


@pytest.fixture
def cohort(tmp_path) -> Path:
    """Ten subjects in two folds, one of them with two visits, and two without a label."""
    rows = [
        {
            **write_case(tmp_path, f"s{k}", 2 + k % 5),
            "subject": f"s{k}",
            "label": k % 2,
            "fold": k // 2 % 2,
            "site": "ab"[k % 2],
        }
        for k in range(10)
    ]
    rows.append({**write_case(tmp_path, "s0b", 4), "subject": "s0", "label": 0, "fold": 0, "session": "2"})
    rows += [{**write_case(tmp_path, f"u{k}", 4), "subject": f"u{k}", "fold": 0} for k in range(2)]
    return write(tmp_path / "datalist.json", rows)


def write(path: Path, rows: list[dict], section: str = "training") -> Path:
    path.write_text(json.dumps({"labels": {"0": "low", "1": "high"}, "modality": {"0": "CT"}, section: rows}))
    return path


def rows_of(path: Path) -> list[dict]:
    return json.loads(path.read_text())["training"]


def test_unlabelled_subjects_are_in_a_fold_that_is_never_held_out(cohort, tmp_path):
    found = read_study_rows(cohort, None, PROTOCOL, "classification")
    assert found.folds == (0, 1) and found.test_fold is None and found.excluded == []
    assert {row["subject"]: row["fold"] for row in found.rows if "label" not in row} == {"u0": 2, "u1": 2}
    path = write_study_datalist(tmp_path / "study/datalist.json", found)
    for fold in found.folds:
        pretraining = load_datalist(path, part="train", fold=fold)
        training = load_datalist(path, part="train", fold=fold, label="required", unlabelled="leave out")
        assert {"u0", "u1"} <= {row["subject"] for row in pretraining}
        assert {row["subject"] for row in pretraining} - {row["subject"] for row in training} == {"u0", "u1"}


def test_rows_with_problems_are_refused_all_at_once_or_left_out_with_their_reasons(cohort):
    rows = rows_of(cohort)
    rows[1]["mask"], rows[3]["image"] = "none.nii.gz", "gone.nii.gz"
    write(cohort, rows)
    with pytest.raises(InputError) as error:
        read_study_rows(cohort, None, PROTOCOL, "classification")
    assert "leave these rows out with --incomplete drop" in str(error.value)
    assert "subject s1" in str(error.value) and "subject s3" in str(error.value)
    found = read_study_rows(cohort, None, PROTOCOL, "classification", drop=True)
    assert len(found.rows) == len(rows) - 2
    assert [(each["row"], each["subject"]) for each in found.excluded] == [("training[1]", "s1"), ("training[3]", "s3")]
    assert "found no such file" in found.excluded[0]["reasons"][0]


def test_a_separate_test_set_is_the_only_fold_that_is_held_out(cohort, tmp_path):
    tests = [{**write_case(tmp_path, f"t{k}", 3), "subject": f"t{k}", "label": k % 2} for k in range(3)]
    path = write(tmp_path / "test.json", tests, "testing")
    found = read_study_rows(cohort, path, PROTOCOL, "classification")
    assert found.folds == (found.test_fold,)
    assert {row["subject"] for row in found.rows if row["fold"] == found.test_fold} == {"t0", "t1", "t2"}
    write(path, [*tests, rows_of(cohort)[0]], "testing")
    with pytest.raises(InputError, match=r"1 test subjects are in .* too: s0; expected none"):
        read_study_rows(cohort, path, PROTOCOL, "classification")


def test_a_separate_test_set_chooses_no_setting(cohort, tmp_path):
    tests = [{**write_case(tmp_path, f"t{k}", 6, value=1000.0), "subject": f"t{k}", "label": k % 2} for k in range(3)]
    path = write(tmp_path / "test.json", tests, "testing")
    found = read_study_rows(cohort, path, PROTOCOL, "classification")
    _, described = _describe(found, BundleConfigs("siam3d_imbalance"), "classification")
    assert described.sample.measured == 13 and described.sample.lesion_intensities == [[100.0, 100.0, 100.0]]
    assert described.subjects == 15 and described.test_subjects == 3


def test_folds_are_assigned_where_the_datalist_has_none(cohort):
    rows = [{key: value for key, value in row.items() if key != "fold"} for row in rows_of(cohort)]
    write(cohort, rows)
    found = read_study_rows(cohort, None, PROTOCOL, "classification")
    assert found.folds == (0, 1, 2, 3, 4)
    assert len({row["fold"] for row in found.rows if row["subject"] == "s0"}) == 1


def test_folds_of_some_subjects_alone_are_refused_and_one_row_has_the_fold_of_its_subject(cohort):
    rows = rows_of(cohort)
    del rows[10]["fold"]  # the second visit of s0
    write(cohort, rows)
    found = read_study_rows(cohort, None, PROTOCOL, "classification")
    assert found.folds == (0, 1) and {row["fold"] for row in found.rows if row["subject"] == "s0"} == {0}
    del rows[1]["fold"]
    write(cohort, rows)
    with pytest.raises(InputError, match="fold: none for 1 of 10 labelled subjects, s1 first"):
        read_study_rows(cohort, None, PROTOCOL, "classification")


def test_a_cohort_without_any_label_is_one_line(cohort):
    write(cohort, [{key: value for key, value in row.items() if key != "label"} for row in rows_of(cohort)])
    with pytest.raises(InputError, match="no row has a label; expected some"):
        read_study_rows(cohort, None, PROTOCOL, "classification")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (
            {"labels": {"0": "high", "1": "low"}},
            r"labels: found 0 high, 1 low; expected 0 low, 1 high as in .* --labels low,high",
        ),
        ({"modality": {"0": "MR"}}, r"modality: found 0 MR; expected 0 CT as in .* --images CT"),
        ({"training": []}, "label: found none; expected subjects of low, high too"),
        ({"training": [0]}, "label: found low; expected subjects of high too; .* leave out --test_datalist"),
    ],
)
def test_a_test_set_that_judges_nothing_or_other_classes_is_refused(cohort, tmp_path, change, words):
    """Indices of classes are those of each table alone where ``make_datalist.py`` was not told their names."""
    rows = [{**row, "subject": f"t{row['subject']}"} for row in rows_of(cohort)]
    if (kept := change.pop("training", None)) is not None:
        rows = [row if row.get("label") in kept else {**row, "label": None} for row in rows]
    test = write(tmp_path / "test.json", rows)
    test.write_text(json.dumps(json.loads(test.read_text()) | change))
    with pytest.raises(InputError, match=words):
        read_study_rows(cohort, test, PROTOCOL, "classification")


def test_a_cohort_of_one_class_is_refused_before_anything_is_measured(cohort, tmp_path):
    rows = [
        {key: value for key, value in row.items() if row.get("label") == 0 or key != "label"} for row in rows_of(cohort)
    ]
    with pytest.raises(InputError, match="label: found low; expected subjects of high too; add some, or pre-train"):
        read_study_rows(write(tmp_path / "one.json", rows), None, PROTOCOL, "classification")


def test_sizes_are_along_right_anterior_and_superior_whatever_the_axes_of_the_file(cohort):
    found = read_study_rows(cohort, None, PROTOCOL, "classification")
    sample = measure_images(found.rows)
    assert (sample.measured, sample.spatial_dims, sample.channels, sample.stored) == (13, 3, 1, ["float32"])
    assert sample.shape == [10, 12, 8] and sample.spacing == [2.0, 0.5, 1.0] and sample.spacing_ratio == 1.0
    sizes = [2 + k % 5 for k in range(10)] + [4, 4, 4]  # along anterior
    assert sample.lesion_extent == [3, int(np.ceil(np.percentile(sizes, 95))), 2]
    assert sample.lesion_extent_mm == [6.0, round(float(np.percentile(sizes, 95)) * 0.5, 2), 2.0]
    assert sample.lesion_intensities == [[100.0, 100.0, 100.0]]
    assert sample.labels == [1] and sample.complete


def test_a_cohort_is_counted_by_subject(cohort):
    found = read_study_rows(cohort, None, PROTOCOL, "classification")
    described = describe_cohort(found.rows, measure_images(found.rows, limit=2), found.labels, ["CT"])
    counts = (described.subjects, described.images, described.several_images, described.unlabelled, described.labelled)
    assert counts == (12, 13, 1, 2, 10)
    assert described.classes == {"0 low": 5, "1 high": 5}
    assert described.columns == {"site": 2} and described.subgroups == ["site"]


def test_a_subject_with_images_of_two_classes_counts_once_and_ages_make_subgroups(cohort):
    rows = rows_of(cohort)
    rows[10]["label"] = 1  # the second visit of s0
    rows = [{**row, "age": 30 + place, "name": f"n{place}"} for place, row in enumerate([*rows, *rows])]
    described = describe_cohort(rows, SAMPLE, {"0": "low", "1": "high"}, ["CT"])
    assert described.classes == {"0 low": 5, "1 high": 5} and described.several_classes == 1
    assert described.subgroups == ["site", "age"]
    text = describe_plan(cohort.parent, plan(cohort={**plan().cohort, "several_classes": 1}))
    assert "(60 benign, 40 malignant; 1 of them have images of several classes and count for that of the" in text


def test_the_trial_takes_the_classes_in_turn_and_each_subject_once(cohort):
    found = read_study_rows(cohort, None, PROTOCOL, "classification")
    assert [row["subject"] for row in choose_cases(found.rows)] == ["s0", "s1", "s2", "s3", "s4"]
