from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from common.data.cohorts import near_duplicates_datalist
from common.doctor import examine_datalist


def found(findings, level: str) -> dict[str, str]:
    """Place and text of the findings of a level."""
    lines: dict[str, str] = {}
    for each in findings.found:
        if each.level == level:
            lines[each.place] = f"{lines.get(each.place, '')}{each.text}; {each.remedy}\n"
    return lines


def test_a_sound_datalist_has_no_error_and_its_pictures_are_written(cohort, tmp_path):
    for index, row in enumerate(cohort.rows):
        row["fold"] = index // 2 % 3
    findings = examine_datalist(cohort.save(), tmp_path / "out")
    assert found(findings, "error") == {}
    assert "6 subjects, 6 images" in found(findings, "note")["subjects"]
    assert "3 low, 3 high" in found(findings, "note")["classes"]
    with Image.open(tmp_path / "out" / "mosaic.jpg") as mosaic:
        assert mosaic.size == (5 * 192, 2 * (192 + 18)) and len(mosaic.getcolors(1 << 20)) > 50
    assert (tmp_path / "out" / "histograms.png").stat().st_size > 5000
    assert len(findings.files) == 2


def test_classes_with_numbers_as_names_and_the_fold_of_unlabelled_subjects_are_named_as_such(cohort):
    for index, row in enumerate(cohort.rows):
        row["fold"] = index // 2 % 3
    for row in cohort.rows[4:]:
        row.pop("label")
    cohort.content["labels"] = {"0": "2", "1": "3"}
    findings = examine_datalist(cohort.save())
    notes = found(findings, "note")
    assert "2 of class 2, 2 of class 3" in notes["classes"]
    assert "2 subjects of class 2;" in found(findings, "warning")["classes"]
    assert "0: 2 subjects, 1: 2 subjects, 2: 2 subjects without a label, never held out" in notes["folds"]


def test_all_bad_rows_are_errors_with_a_remedy_each(cohort):
    cohort.rows[0]["mask"] = "none.nii.gz"
    cohort.rows[3]["label"] = "high"
    cohort.nifti("s4_seg.nii.gz", np.zeros((8, 9, 10), dtype=np.uint8))
    errors = [each for each in examine_datalist(cohort.save()).found if each.level == "error"]
    places = " ".join(each.place for each in errors)
    assert all(name in places for name in ("subject s0) mask", "subject s3) label", "subject s4) mask"))
    assert all(each.remedy for each in errors)


@pytest.mark.parametrize(
    ("change", "place", "text"),
    [
        (lambda rows: [row.update(fold=row["label"]) for row in rows], "folds", "fold 0 has no subject of high"),
        (lambda rows: rows[2].pop("fold"), "folds", "1 of 6 subjects have none, such as s2"),
        (lambda rows: rows[2].update(subject="s0", label=0), "folds", "1 subject in several folds: s0"),
        (lambda rows: [row.update(label=0) for row in rows], "classes", "all subjects have one class"),
    ],
)
def test_folds_and_classes_that_cannot_work_are_errors(cohort, change, place, text):
    change(cohort.rows)
    errors = found(examine_datalist(cohort.save()), "error")
    assert text in errors[place]


def test_a_column_that_determines_the_class_is_a_warning(cohort):
    for row in cohort.rows:
        row["centre"] = "B" if row["label"] else "A"
    assert "column centre almost determines the class" in found(examine_datalist(cohort.save()), "warning")["columns"]


def test_a_column_of_names_makes_no_subgroups(cohort):
    for number, row in enumerate(cohort.rows):
        row |= {"case": f"case {number}", "age": 40 + number}
    columns = found(examine_datalist(cohort.save()), "note")["columns"]
    assert "age" in columns and "case" not in columns


def test_the_same_image_of_two_subjects_in_different_folds_is_an_error(cohort):
    brighter = (cohort.noise(seed=0) * 3 + 50).astype(np.int16)
    cohort.nifti("s5_t1.nii.gz", brighter)
    error = found(examine_datalist(cohort.save()), "error")["near-duplicates"]
    assert "1 pair of images of different subjects in different folds look the same: s0 and s5" in error
    joined = cohort.folder / "datalist_joined.json"
    assert f"scripts/make_datalist.py near_duplicates {cohort.path} {joined}" in error
    near_duplicates_datalist(cohort.path, joined)
    assert "none of different subjects" in found(examine_datalist(joined), "note")["near-duplicates"]
    cohort.rows[5]["fold"] = cohort.rows[0]["fold"]
    assert "in one fold" in found(examine_datalist(cohort.save()), "warning")["near-duplicates"]


def test_an_image_on_another_scale_is_a_warning(cohort):
    cohort.nifti("s3_t1.nii.gz", (cohort.noise(seed=3) * 20).astype(np.int16))
    assert "1 image with an unusual range of intensities" in found(examine_datalist(cohort.save()), "warning")["images"]


def test_a_datalist_that_is_no_json_is_one_error(tmp_path):
    path = tmp_path / "datalist.json"
    path.write_text("{")
    assert examine_datalist(path).count("error") == 1


def test_rows_without_a_mask_are_a_warning_and_a_cohort_without_masks_is_a_note(cohort):
    del cohort.rows[2]["mask"]
    assert "1 of 6 rows have none, such as s2" in found(examine_datalist(cohort.save()), "warning")["masks"]
    for row in cohort.rows:
        row.pop("mask", None)
    assert "none; siam3d_imbalance" in found(examine_datalist(cohort.save()), "note")["masks"]


def test_a_sound_test_set_without_folds_has_no_error(cohort):
    rows = [{key: row[key] for key in row if key != "fold"} for row in cohort.rows[:3]]
    cohort.content |= {"training": [], "testing": rows}
    findings = examine_datalist(cohort.save())
    assert found(findings, "error") == {}
    assert "1 subject of high" in found(findings, "warning")["classes"]
    assert "none needed" in found(findings, "note")["folds"]


def test_subjects_that_differ_in_spelling_alone_are_a_warning(cohort):
    cohort.rows[0]["subject"], cohort.rows[1]["subject"] = "P1", "p01"
    assert "found P1 and p01, which may be the same" in found(examine_datalist(cohort.save()), "warning")["subjects"]


def test_subjects_of_the_test_set_that_differ_in_spelling_alone_are_a_warning(cohort):
    cohort.content["testing"] = [cohort.rows.pop() | {"subject": cohort.rows[0]["subject"].upper()}]
    assert "found s0 and S0, which may be the same" in found(examine_datalist(cohort.save()), "warning")["subjects"]
