from __future__ import annotations

from common.hints import did_you_mean


def test_the_nearest_name_is_suggested_and_where_none_is_near_something_else():
    known = iter(["batch_size", "max_epochs"])
    assert did_you_mean("max_epoch", known, "see --help") == "did you mean max_epochs?"
    assert did_you_mean("fold", ["batch_size"], "see --help") == "see --help"
