from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal

import pytest

from common.command_values import metavar, read_value, shown


@pytest.mark.parametrize(
    ("hint", "word", "value"),
    [
        (str, "007", "007"),
        (str | None, "none", None),
        (int, "7", 7),
        (int | None, "None", None),
        (float, "1e-3", 0.001),
        (int | Sequence[int] | None, "1,2", (1, 2)),
        (int | Literal["all"], "all", "all"),
        (Sequence[str], "[T1, T2]", ("T1", "T2")),
        (Sequence[str], "a+b,c", ("a+b", "c")),
        (Sequence[str], "01,02", ("01", "02")),
        (Sequence[str], "", ()),
        (tuple[float, float], "(1, 2.5)", (1.0, 2.5)),
        (Mapping[str, str], "{acq: 3}", {"acq": "3"}),
        (Mapping[str, Any] | None, "{a: [1, 2]}", {"a": [1, 2]}),
        (Mapping[str, Any], "{a: 1e-3, b#c: null}", {"a": 1e-3, "b#c": None}),
        (Mapping[str, Any], "{a#0#b: text, c: [1, x]}", {"a#0#b": "text", "c": [1, "x"]}),
    ],
)
def test_a_word_becomes_a_value_of_the_type(hint, word, value):
    found = read_value(hint, word)
    assert found == value and type(found) is type(value)


@pytest.mark.parametrize(
    ("hint", "word", "expected"),
    [
        (int, "1.5", "'1.5', expected an integer"),
        (float, "x", "'x', expected a number"),
        (tuple[int, int], "1,2,3", "'1,2,3', expected 2 values separated by commas"),
        (Sequence[int], "1,b", "'b', expected an integer"),
        (Literal["a", "b"], "c", "'c', expected one of a, b"),
        (Mapping[str, Any], "a", "'a', expected a mapping such as '{key: value}'"),
    ],
)
def test_a_word_of_another_type_is_refused(hint, word, expected):
    with pytest.raises(ValueError) as error:
        read_value(hint, word)
    assert str(error.value) == expected


def test_help_names_values_by_their_type_and_shows_defaults_as_one_types_them():
    assert [metavar(hint) for hint in (int | None, Sequence[str], bool)] == ["INTEGER", "A,B,...", None]
    assert shown((0.5, 1)) == "0.5,1" and shown(3) == "3"
