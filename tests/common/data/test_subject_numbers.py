from __future__ import annotations

import pytest

from common.data import subject_index
from common.errors import InputError


def test_rows_of_one_subject_have_one_number_whatever_their_order():
    rows = [{"subject": name, "session": i} for i, name in enumerate(["s10", "s2", "s10", "7"])]
    numbers = {row["subject"]: row["subject_index"] for row in subject_index(rows)}
    assert sorted(numbers.values()) == [0, 1, 2]
    assert [row["subject_index"] for row in subject_index(rows[::-1])] == [
        numbers[row["subject"]] for row in rows[::-1]
    ]
    assert [row["session"] for row in subject_index(rows)] == [0, 1, 2, 3] and "subject_index" not in rows[0]


def test_rows_without_a_subject_are_told_all_at_once():
    with pytest.raises(InputError, match="2 problems"):
        subject_index([{"subject": "a"}, {}, {"subject": ""}])
