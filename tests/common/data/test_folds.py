from __future__ import annotations

import re
from collections import Counter

import pytest

from common.data import assign_folds, check_hold_out, hold_out
from common.errors import InputError


def cohort(num_low: int = 9, num_high: int = 31, visits: int = 1) -> list[dict]:
    labels = [0] * num_low + [1] * num_high
    return [
        {"subject": f"s{i}", "label": label, "visit": visit}
        for i, label in enumerate(labels)
        for visit in range(visits)
    ]


@pytest.mark.parametrize("seed", range(5))
def test_a_subject_is_never_in_two_folds(seed):
    rows = assign_folds(cohort(visits=3), seed=seed)
    folds = {}
    for row in rows:
        assert folds.setdefault(row["subject"], row["fold"]) == row["fold"]
    assert set(folds.values()) == {0, 1, 2, 3, 4}


@pytest.mark.parametrize("seed", range(5))
def test_every_fold_holds_each_class_as_evenly_as_can_be(seed):
    rows = assign_folds(cohort(9, 31), num_folds=5, seed=seed)
    low = Counter(row["fold"] for row in rows if row["label"] == 0)
    high = Counter(row["fold"] for row in rows if row["label"] == 1)
    assert sorted(low.values()) == [1, 2, 2, 2, 2]
    assert sorted(high.values()) == [6, 6, 6, 6, 7]


def test_the_same_seed_gives_the_same_folds_and_another_seed_others():
    one, again, other = ([row["fold"] for row in assign_folds(cohort(), seed=seed)] for seed in (0, 0, 1))
    assert one == again != other


def test_rows_keep_their_order_and_are_not_changed():
    rows = cohort()
    result = assign_folds(rows)
    assert all("fold" not in row for row in rows)
    assert [row["subject"] for row in result] == [row["subject"] for row in rows]


def test_a_cohort_without_labels_is_divided_evenly():
    rows = assign_folds([{"subject": i} for i in range(10)], stratify=None)
    assert sorted(Counter(row["fold"] for row in rows).values()) == [2] * 5


def test_subjects_without_a_label_are_in_a_fold_of_their_own_and_the_others_where_they_were():
    known = cohort(visits=2)
    unknown = [{"subject": f"u{i}", "visit": 0} for i in range(7)]
    half_known = [{"subject": row["subject"], "visit": 2} for row in known[:1]]
    rows = assign_folds([*unknown, *known, *half_known])
    assert [row["fold"] for row in rows[:7]] == [5] * 7
    assert rows[7:-1] == assign_folds([*known, {**half_known[0], "label": known[0]["label"]}])[:-1]
    assert rows[-1]["fold"] == rows[7]["fold"]


@pytest.mark.parametrize(
    ("rows", "num_folds", "words"),
    [
        (cohort(4, 20), 5, ["4 subjects with label 0", "at least 5"]),
        # Ten rows, but only two subjects.
        (cohort(2, 20, visits=5), 5, ["2 subjects with label 0"]),
        ([], 5, ["no rows"]),
        (cohort(), 1, ["num_folds is 1"]),
        ([*cohort(), {"label": 1}], 5, ["row 40", "subject"]),
        ([{"subject": i} for i in range(10)], 5, ["no subject with a label"]),
    ],
)
def test_what_cannot_be_divided_is_reported(rows, num_folds, words):
    with pytest.raises(InputError) as error:
        assign_folds(rows, num_folds=num_folds)
    assert all(word in str(error.value) for word in words), error.value


@pytest.mark.parametrize("fraction", [0.2, 0.25, 0.5])
def test_validation_rows_are_that_share_of_each_class_and_no_subject_is_on_both_sides(fraction):
    rows = cohort(num_low=20, num_high=40, visits=2)
    stay, held_out = hold_out(rows, fraction, seed=1)
    assert not {row["subject"] for row in stay} & {row["subject"] for row in held_out}
    assert sorted(map(str, stay + held_out)) == sorted(map(str, rows))
    assert Counter(row["label"] for row in held_out) == {0: 2 * 20 * fraction, 1: 2 * 40 * fraction}


def test_validation_rows_keep_the_fold_of_the_datalist():
    rows = [{**row, "fold": 7} for row in cohort()]
    assert {row["fold"] for part in hold_out(rows) for row in part} == {7}


def test_no_row_is_held_out_for_validation_with_a_fraction_of_0():
    assert hold_out(cohort(), 0.0) == (cohort(), [])


@pytest.mark.parametrize(("fraction", "rows"), [(-0.1, cohort()), (0.6, cohort()), (0.2, cohort(num_low=3))])
def test_validation_rows_that_cannot_be_had_are_one_line_that_names_the_option(fraction, rows):
    with pytest.raises(InputError, match="validation_fraction") as error:
        hold_out(rows, fraction)
    assert "\n" not in str(error.value)
    with pytest.raises(InputError, match=re.escape(str(error.value))):
        check_hold_out(rows, fraction)  # before a run, without the split


def test_a_check_divides_nothing(monkeypatch):
    monkeypatch.setattr("common.data.folds.assign_folds", None)
    assert check_hold_out(cohort(), 0.2, num_classes=2) is None
    with pytest.raises(TypeError):
        hold_out(cohort(), 0.2, num_classes=2)


@pytest.mark.parametrize("fraction", [0, 0.2])
def test_a_class_without_a_training_subject_is_reported_whatever_chooses_the_epoch(fraction):
    rows = [{"subject": str(number), "label": number % 2} for number in range(20)]
    assert sum(map(len, hold_out(rows, fraction, num_classes=2))) == 20
    with pytest.raises(InputError, match="found the classes 0, 1 among the training subjects, expected 2 too"):
        hold_out(rows, fraction, num_classes=3)


@pytest.mark.parametrize("seed", [-1, 2**32])
def test_a_seed_that_no_generator_takes_is_refused(seed):
    with pytest.raises(InputError, match=f"seed: found {seed}; expected whole numbers from 0 to 4294967295"):
        assign_folds(cohort(), seed=seed)
