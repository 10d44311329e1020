"""Tables of a study's page."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pandas as pd

from common.evaluation.reports.study import tables
from common.evaluation.reports.study.inline_svg import inline_svg
from common.evaluation.reports.study.page_figures import subgroup_figure
from common.evaluation.reports.study.segmentation_page import _sentences
from common.evaluation.reports.study.subgroups import Subgroup
from common.evaluation.statistics.metrics import Estimate


def test_a_class_of_which_nobody_was_judged_has_no_share_of_its_row(monkeypatch):
    monkeypatch.setattr(tables, "subject_confusion", lambda _: np.array([[3, 1], [0, 0]]))
    found = tables.confusion_rows(SimpleNamespace(name="SE"), ["low", "high"])
    assert [[cell["share"] for cell in row["cells"]] for row in found["rows"]] == [[0.75, 0.25], [0.0, 0.0]]
    assert (found["right"], found["all"]) == (3, 4)


def test_a_single_method_of_segmentation_is_beyond_no_other():
    metrics = {"metrics": {"dsc": {"value": 0.8, "low": 0.7, "high": 0.9}}}
    summary = {"subjects": 2, "confidence": 0.95, "reference": "Supervised"}
    table = pd.DataFrame({"subject": ["1", "2"], "set": "Supervised", "dsc": [0.7, 0.9]})
    sentences = _sentences(summary, {"Supervised": metrics}, table, "Supervised", "dsc")
    assert "0.80 (95% interval 0.70 to 0.90)" in sentences[0]
    assert sentences[1:] == ["No other method was compared, and other hospitals were not tested."]


def test_a_value_of_a_column_is_text_in_a_figure_and_neither_formula_nor_markup(tmp_path):
    auc = Estimate(0.7, 0.6, 0.8)
    groups = [Subgroup("site", value, 20, 5, auc, auc) for value in (r"a$\foo$b", "<script>alert(1)</script>--!>")]
    text = inline_svg(subgroup_figure(groups, 0.7, tmp_path / "a.svg"), "AUC")
    assert r"site: a$\foo$b (20)" in text and "<script" not in text and "--!>" not in text
