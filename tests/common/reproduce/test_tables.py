"""The paper's table from reports whose values are known."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, f1_score

from common.evaluation import write_report
from common.reproduce.cells import Results, cell
from common.reproduce.paper import Column, Exhibit, Paper, Row
from common.reproduce.plan import Request
from common.reproduce.table import write_paper_table

ROWS = (Row("Theirs", paper={"any": ["46.4 ± 5.3", "50.0"]}), Row("Ours", set="Mine"), Row("Lost"))
COLUMNS = (Column("F1", ("f1_weighted",)), Column("Both", ("sensitivity", "specificity"), 0.5))


@pytest.fixture(scope="module")
def predictions() -> pd.DataFrame:
    rng = np.random.default_rng(0)
    parts = []
    for name in ("Theirs", "Mine"):
        for fraction in (1.0, 0.5):
            label = np.arange(60) % 2
            p = np.clip(label * 0.4 + rng.uniform(0, 0.7, 60), 0, 1)
            columns = {"subject": [f"s{k:02d}" for k in range(60)], "label": label, "prediction": (p > 0.5).astype(int)}
            columns |= {"probability_0": 1 - p, "probability_1": p, "fold": np.arange(60) // 2 % 3, "seed": 0}
            parts.append(pd.DataFrame(columns).assign(set=name, fraction=fraction))
    return pd.concat(parts, ignore_index=True)


def written(predictions, folder: Path, over: str, percent: bool) -> tuple[pd.DataFrame, str]:
    exhibit = Exhibit(
        "table 1", "t", "p", "d", rows=ROWS, columns=COLUMNS, over=over, percent=percent, cohorts=("any",)
    )
    paper = Paper("bundle", "Somebody 2020", {"any": {}}, {}, {"table 1": exhibit})
    request = Request(paper, exhibit, "any", folder, folder, "short", {}, {})
    report = folder / "table_1/any/run/report"
    write_report(predictions, report, resamples=50, figures=False)
    page = write_paper_table(request, {"run": report}, {"run": report.parent})
    return pd.read_csv(page.with_suffix(".csv"), dtype=str, keep_default_na=False).set_index("Method"), page.read_text()


def test_values_over_folds_are_mean_and_deviation_of_each_fold_beside_those_of_the_paper(predictions, tmp_path):
    table, text = written(predictions, tmp_path, "folds", percent=True)
    rows = predictions[(predictions["set"] == "Theirs") & (predictions["fraction"] == 1)]
    each = [100 * f1_score(p["label"], p["prediction"], average="weighted") for _, p in rows.groupby("fold")]
    assert table.loc["Theirs", "F1"] == f"{np.mean(each):.2f} ± {np.std(each, ddof=1):.2f}"
    assert table.loc["Theirs", "paper: F1"] == "46.4 ± 5.3" and table.loc["Ours", "paper: F1"] == ""
    assert table.loc["Lost", "F1"].lstrip("'") == "-" and table.loc["*Majority class*", "F1"] == "33.33"
    assert '<span style="color:gray">46.4 ± 5.3</span>' in text and "measured on other data" in text
    assert "with a small budget" in text and "| Theirs | 100 % |" in text and "McNemar p" in text


def test_pooled_values_are_of_all_folds_together_and_two_metrics_share_a_cell(predictions, tmp_path):
    table, _ = written(predictions, tmp_path, "", percent=False)
    rows = predictions[(predictions["set"] == "Mine") & (predictions["fraction"] == 0.5)]
    recall = [accuracy_score(p["label"], p["prediction"]) for _, p in rows.groupby("label")]
    assert table.loc["Ours", "Both"] == f"{recall[1]:.3f}/{recall[0]:.3f}"


def test_folds_without_a_class_are_left_out_and_the_page_says_so(predictions, tmp_path):
    rows = predictions.assign(fold=lambda table: np.where(table["label"] == 1, 0, table["fold"]))
    _, text = written(rows, tmp_path, "folds", percent=False)
    assert Results(tmp_path / "table_1/any/run/report").by_fold("Mine", 1.0)["fold"].tolist() == [0]
    assert "Left out of the values over folds, as a class has no subject there: fold 1, 2." in text
    assert "Left out" not in written(predictions, tmp_path / "all", "folds", percent=False)[1]


def test_folds_of_one_class_each_leave_the_cells_of_a_table_over_folds_empty(predictions, tmp_path):
    table, _ = written(predictions.assign(fold=predictions["label"]), tmp_path, "folds", False)
    assert {value.lstrip("'") for value in table["F1"][1:]} == {"-"}


def test_of_several_structures_the_mean_of_their_dice_stands_for_the_paper_s_dsc(tmp_path):
    results = [{"set": "Ours", "metrics": {"dice": {"value": 0.7112}, "dice_1": {"value": 0.9}}}]
    (tmp_path / "metrics.json").write_text(json.dumps({"results": results}))
    exhibit = Exhibit("table 2", "t", "p", "d", cohorts=("any",))
    found = [cell(Results(tmp_path), exhibit, "any", Row("Ours"), Column("x", (name,))) for name in ("dsc", "ppv")]
    assert found == ["0.711", "-"]


@pytest.mark.parametrize(("positive", "expected"), [("low", "0.300"), ("high", "0.900")])
def test_of_two_classes_the_recall_of_the_rarer_one_is_the_minor_class_accuracy(tmp_path, positive, expected):
    metrics = {"sensitivity": {"value": 0.3}, "specificity": {"value": 0.9}}
    classes = [{"name": "high", "subjects": 9}, {"name": "low", "subjects": 4}]
    content = {"results": [{"set": "Ours", "metrics": metrics}], "classes": classes, "positive": positive}
    (tmp_path / "metrics.json").write_text(json.dumps(content))
    column = Column("x", ("minor_class_accuracy",))
    assert cell(Results(tmp_path), Exhibit("table 2", "t", "p", "d"), "any", Row("Ours"), column) == expected
