from __future__ import annotations

from collections import Counter

import pytest

from common.data import keep_label_fraction, mark_unlabelled
from common.errors import InputError


def cohort() -> list[dict]:
    return [
        {"subject": f"s{i}", "label": label, "visit": visit}
        for i, label in enumerate([0] * 20 + [1] * 60)
        for visit in range(2)
    ]


@pytest.mark.parametrize("fraction", [0.05, 0.2, 0.5, 0.75])
def test_each_class_keeps_its_share_and_subjects_stay_whole(fraction):
    kept = keep_label_fraction(cohort(), fraction)
    subjects = {row["subject"]: row["label"] for row in kept}
    assert Counter(subjects.values()) == {0: round(20 * fraction), 1: round(60 * fraction)}
    assert len(kept) == 2 * len(subjects)


@pytest.mark.parametrize("seed", range(3))
def test_a_larger_part_holds_every_smaller_one(seed):
    kept = [
        {row["subject"] for row in keep_label_fraction(cohort(), fraction, seed)} for fraction in (0.05, 0.2, 0.5, 1)
    ]
    assert kept[0] < kept[1] < kept[2] < kept[3]


def test_the_choice_depends_on_the_seed_and_not_on_the_order_of_rows():
    one = {row["subject"] for row in keep_label_fraction(cohort(), 0.5, seed=1)}
    same = {row["subject"] for row in keep_label_fraction(cohort()[::-1], 0.5, seed=1)}
    other = {row["subject"] for row in keep_label_fraction(cohort(), 0.5, seed=2)}
    assert one == same != other


def test_the_rarest_class_keeps_a_subject():
    kept = keep_label_fraction(cohort(), 0.001)
    assert {row["label"] for row in kept} == {0, 1}


def test_rows_keep_their_order():
    kept = keep_label_fraction(cohort(), 0.5)
    assert kept == [row for row in cohort() if row in kept]


@pytest.mark.parametrize("fraction", [0, -0.5, 1.5])
def test_a_fraction_out_of_range_is_reported(fraction):
    with pytest.raises(InputError, match="label_fraction: found"):
        keep_label_fraction(cohort(), fraction)


def test_unlabelled_rows_are_marked_where_others_have_a_label_and_the_rows_given_stay():
    rows = [{"subject": "a", "label": 1}, {"subject": "b"}, {"subject": "c", "label": None}]
    assert [row["label"] for row in mark_unlabelled(rows)] == [1, -1, -1]
    assert "label" not in rows[1] and rows[2]["label"] is None
    assert mark_unlabelled(rows[1:2]) == rows[1:2]
