from __future__ import annotations

import random
from collections import Counter

import pytest

from common.data import balance_classes
from common.errors import InputError

LABELS = ["clear_cell_rcc", "papillary", "chromophobe", "oncocytoma"]


def kits19() -> list[dict]:
    """The four classes of KiTS19 with their numbers in the paper."""
    counts = (143, 21, 19, 10)
    labels = [label for label, count in enumerate(counts) for _ in range(count)]
    return [{"subject": f"case_{i:05d}", "label": label} for i, label in enumerate(labels)]


def test_the_papers_choice_makes_70_cases_of_193():
    kept, rest = balance_classes(kits19(), {"clear_cell_rcc": 20}, labels=LABELS)
    assert Counter(row["label"] for row in kept) == {0: 20, 1: 21, 2: 19, 3: 10}
    assert Counter(row["label"] for row in rest) == {0: 123}
    assert sorted(kept + rest, key=lambda row: row["subject"]) == kits19()


def test_the_choice_depends_on_the_seed_and_not_on_the_order_of_the_rows():
    def chosen(rows, seed):
        return {row["subject"] for row in balance_classes(rows, {0: 20}, seed)[0]}

    shuffled = random.Random(0).sample(kits19(), len(kits19()))
    assert chosen(kits19(), 0) == chosen(shuffled, 0) != chosen(kits19(), 1)


def test_every_case_has_the_same_chance():
    times = Counter(row["subject"] for seed in range(300) for row in balance_classes(kits19(), {0: 20}, seed)[0])
    of_clear_cell = [times[row["subject"]] for row in kits19() if row["label"] == 0]
    assert min(of_clear_cell) > 15 and max(of_clear_cell) < 75  # 42 expected, standard deviation 6


def test_subjects_stay_whole_and_small_classes_too():
    rows = [{"subject": f"s{i // 2}", "label": 0, "scan": i} for i in range(20)] + [{"subject": "t", "label": 1}]
    kept, _ = balance_classes(rows, {0: 3, 1: 5})
    assert Counter(row["subject"] for row in kept if row["label"] == 0).most_common() == [
        (subject, 2) for subject in dict.fromkeys(row["subject"] for row in kept if row["label"] == 0)
    ]
    assert len(kept) == 7 and kept[-1]["subject"] == "t"


@pytest.mark.parametrize(
    ("limits", "message"),
    [
        ({"wilms": 2}, "found class 'wilms', expected one of clear_cell_rcc, papillary"),
        ({7: 2}, "found class 7, expected one of"),
        ({"papillary": 0}, "found 0 for 'papillary', expected an integer from 1"),
        ({"papillary": True}, "found True for 'papillary'"),
    ],
)
def test_limits_that_make_no_sense_are_reported(limits, message):
    with pytest.raises(InputError, match=message):
        balance_classes(kits19(), limits, labels=LABELS)


def test_a_class_without_rows_and_rows_without_class_are_reported():
    with pytest.raises(InputError, match="found no row of class oncocytoma"):
        balance_classes(kits19()[:180], {"oncocytoma": 2}, labels=LABELS)
    rows = [*kits19(), {"subject": "a"}, {"subject": "b", "label": None}]
    with pytest.raises(InputError, match=r"2 problems\n  row 193 \(subject a\): no label.*\n  row 194 \(subject b\)"):
        balance_classes(rows, {0: 2})
