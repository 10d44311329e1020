from __future__ import annotations

import pytest

from common.data.datalist_rows import Problems, check_rows

LABELS = {"0": "low", "1": "high"}


def problems_of(*rows, other_subjects=frozenset(), **settings) -> list[str]:
    problems = Problems("training", list(rows))
    defaults = {"labels": LABELS, "num_classes": 2, "mask": "optional", "label": "optional", "need_fold": False}
    check_rows(problems, other_subjects=other_subjects, **(defaults | settings))
    return problems.lines()


def row(**changes) -> dict:
    return {"image": "a.nii.gz", "subject": "s", "label": 0, "fold": 0} | changes


def test_good_rows_have_no_problems():
    second = row(subject="t", image=["b.nii.gz", "c.nii.gz"], mask="m.nii.gz", label=1, fold=1)
    assert problems_of(row(), second, need_fold=True) == []


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"label": 2}, "label: found 2, expected one of 0..1 (0 = low, 1 = high); correct the label or num_classes"),
        ({"label": -1}, "label: found -1, expected one of 0..1 (0 = low, 1 = high); correct the label or num_classes"),
        ({"label": "high"}, "label: found 'high', expected one of 0..1 (0 = low, 1 = high); write 1"),
        ({"label": "1"}, "label: found '1', expected one of 0..1 (0 = low, 1 = high); write an integer without quotes"),
        ({"label": 0.5}, "label: found 0.5, expected"),
        ({"label": True}, "label: found True, expected"),
        ({"fold": None}, "fold: found none, expected an integer from 0"),
        ({"fold": "0"}, "fold: found '0', expected an integer"),
        ({"fold": -1}, "fold: found -1, expected an integer"),
        ({"image": None}, "image: found none, expected a path"),
        ({"image": []}, "image: found [], expected a path"),
        ({"image": ["a.nii.gz", 3]}, "image: found ['a.nii.gz', 3], expected a path"),
        ({"mask": ["a.nii.gz"]}, "mask: found ['a.nii.gz'], expected one path"),
    ],
)
def test_each_wrong_field_is_one_line(changes, line):
    (found,) = problems_of(row(**changes), need_fold=True)
    assert found.startswith(f"training[0] (subject s) {line}")


@pytest.mark.parametrize("subject", [None, "", True, 1.5, ["s"]])
def test_a_subject_must_have_a_name(subject):
    (found,) = problems_of(row(subject=subject))
    assert "subject: found" in found and "expected the patient's name" in found


@pytest.mark.parametrize("subject", ["s ", "\ts", "s\n", "\x1b[31ms", "s\x00", "s\u200b"])
def test_a_subject_with_what_nobody_sees_is_refused_and_shown_without_it(subject):
    (found,) = problems_of(row(subject=subject))
    assert found.isprintable() and "expected no blanks at its ends and no invisible characters" in found


def test_two_subjects_that_look_the_same_are_refused():
    composed, decomposed = "J\u00fcrg", "Ju\u0308rg"
    assert problems_of(row(subject=composed), row(subject=composed)) == []
    (found,) = problems_of(row(subject=composed), row(subject=decomposed, image="b.nii.gz"))
    assert r"found 'Ju\u0308rg', expected 'J\xfcrg' as in row 0, which looks the same" in found


def test_a_row_that_is_no_object_is_reported():
    assert problems_of("a.nii.gz") == [
        "training[0] row: found 'a.nii.gz', expected an object with 'image' and 'subject'"
    ]


def test_a_subject_in_two_folds_is_reported_once_per_further_fold():
    rows = [row(image=f"{i}.nii.gz", fold=fold) for i, fold in enumerate((0, 0, 1, 1, 2))]
    found = problems_of(*rows)
    assert [line.split(":")[0] for line in found] == ["training[2] (subject s) fold", "training[4] (subject s) fold"]
    assert "found 1, expected 0 as in row 0" in found[0]


def test_the_number_17_and_the_text_17_are_one_subject():
    assert len(problems_of(row(subject=17), row(subject="17", image="b.nii.gz", fold=1))) == 1


def test_one_file_for_two_subjects_is_reported_but_not_for_one():
    assert problems_of(row(), row()) == []
    (found,) = problems_of(row(), row(subject="t", image=["b.nii.gz", "a.nii.gz"]))
    assert found.startswith("training[1] (subject t) image: a.nii.gz: found in row 0 as an image of subject s too")


def test_a_subject_in_training_and_testing_is_reported():
    (found,) = problems_of(row(), other_subjects=frozenset({"s"}))
    assert "found in 'training' and in 'testing'" in found


def test_without_num_classes_any_integer_from_0_is_a_label():
    assert problems_of(row(label=12), num_classes=None, labels={}) == []
    assert len(problems_of(row(label=-1), num_classes=None, labels={})) == 1
