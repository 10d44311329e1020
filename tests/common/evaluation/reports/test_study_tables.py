"""Tables of a study's page."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np

from common.evaluation.reports.study import tables


def test_a_class_of_which_nobody_was_judged_has_no_share_of_its_row(monkeypatch):
    monkeypatch.setattr(tables, "subject_confusion", lambda _: np.array([[3, 1], [0, 0]]))
    found = tables.confusion_rows(SimpleNamespace(name="SE"), ["low", "high"])
    assert [[cell["share"] for cell in row["cells"]] for row in found["rows"]] == [[0.75, 0.25], [0.0, 0.0]]
    assert (found["right"], found["all"]) == (3, 4)
