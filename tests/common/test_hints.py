from __future__ import annotations

from common.hints import did_you_mean, unknown_options


def test_the_nearest_name_is_suggested_and_where_none_is_near_something_else():
    known = iter(["batch_size", "max_epochs"])
    assert did_you_mean("max_epoch", known, "see --help") == "did you mean max_epochs?"
    assert did_you_mean("fold", ["batch_size"], "see --help") == "see --help"


def test_a_part_of_an_unknown_component_is_compared_by_the_component_alone():
    (line,) = unknown_options(["encodr#channels"], ["channels", "encoder"], "train.yaml")
    assert line.endswith("did you mean encoder?")


def test_a_name_that_shares_a_few_letters_is_no_hint():
    assert did_you_mean("modality", ["datalist"], "see --help") == "see --help"
    assert did_you_mean("size", ["box_size"], "see --help") == "did you mean box_size?"
    assert did_you_mean("trai", ["train"], "", suffix=":paper") == "did you mean train:paper?"
