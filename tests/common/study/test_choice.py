"""The row that becomes the final model."""

from __future__ import annotations

import pytest

from common.errors import InputError
from common.study.choice import choose_row, networks_of

ROWS = [
    {"text": "radiomics", "name": "Radiomics", "kind": "radiomics"},
    {"text": "se", "name": "3DSiam + SE", "kind": "pretrained"},
    {"text": "scratch", "name": "Scratch", "kind": "scratch"},
    {"text": "se+linear_probe", "name": "Probe", "kind": "probe"},
]


def summary(**auc: float) -> dict:
    """Scores with intervals of one standard error of 0.02."""
    names = {"radiomics": "Radiomics", "se": "3DSiam + SE", "scratch": "Scratch", "probe": "Probe"}
    width = 0.02 * 1.959964
    results = [
        {"set": names[key], "fraction": 1.0, "metrics": {"auc": {"value": v, "low": v - width, "high": v + width}}}
        for key, v in auc.items()
    ]
    return {"results": results, "fractions": [1.0]}


def test_the_best_network_is_chosen_where_no_simpler_one_is_within_a_standard_error():
    found = choose_row(summary(radiomics=0.9, se=0.85, scratch=0.82, probe=0.95), ROWS)
    assert (found["text"], found["metric"], found["value"]) == ("se", "auc", 0.85)
    assert found["reason"] == "the best of the networks; Probe scores higher but is not a network that can be deployed"


def test_the_simpler_network_is_chosen_within_a_standard_error():
    found = choose_row(summary(radiomics=0.9, se=0.85, scratch=0.835, probe=0.9), ROWS)
    assert found["text"] == "scratch" and "3DSiam + SE" in found["reason"]


def test_the_plan_may_name_a_row_but_only_a_network():
    assert choose_row(summary(radiomics=0.9, se=0.5, scratch=0.9, probe=0.9), ROWS, "se")["text"] == "se"
    with pytest.raises(InputError, match=r"found radiomics, expected one of se, scratch"):
        choose_row(summary(radiomics=0.9, se=0.5, scratch=0.9, probe=0.9), ROWS, "radiomics")
    with pytest.raises(InputError, match="found no network"):
        choose_row(summary(radiomics=0.9), ROWS[:1])


def test_a_row_that_cannot_be_final_is_refused_without_any_score():
    with pytest.raises(InputError, match=r"method: found byol, expected one of se, scratch, or null"):
        networks_of(ROWS, "byol")
    assert [row["text"] for row in networks_of(ROWS, "se")] == ["se", "scratch"]


def test_a_separate_test_set_chooses_nothing():
    for better in ({"se": 0.99, "scratch": 0.5}, {"se": 0.5, "scratch": 0.99}):
        assert choose_row(summary(**better), ROWS, tested=True)["text"] == "scratch"
    assert choose_row(summary(se=0.5, scratch=0.99), ROWS, "se", tested=True)["text"] == "se"


def test_only_the_largest_part_of_the_labels_decides():
    found = summary(se=0.85, scratch=0.7)
    few = [
        {**entry, "fraction": 0.1, "metrics": {"auc": {"value": 0.1, "low": 0.0, "high": 0.2}}}
        for entry in found["results"]
    ]
    assert choose_row({"results": [*few, *found["results"]], "fractions": [1.0, 0.1]}, ROWS)["text"] == "se"
