"""Tables of a study's page, for its template and as CSV."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from ...predictions import Outcome
from ...statistics.metrics import METRIC_NAMES, Estimate
from ..figures import subject_confusion
from .differences import Comparison, shown_p
from .judged import MAJORITY, Judged
from .worst_cases import Case

__all__ = [
    "case_table",
    "comparison_rows",
    "comparison_table",
    "confusion_rows",
    "confusion_table",
    "method_rows",
    "method_table",
]

COLUMNS = ("auc", "balanced_accuracy", "sensitivity", "specificity", "accuracy", "minor_class_accuracy", "brier")


def method_rows(judged: Judged, methods: Sequence[str]) -> dict[str, Any]:
    """Heading and rows of the table of methods: each a name and a value with its interval by metric."""
    names = [name for name in COLUMNS if name in judged.points[MAJORITY]]
    rows = [(method, [_estimate(judged.metric(method, name)) for name in names]) for method in [*methods, MAJORITY]]
    return {"head": [METRIC_NAMES[name] for name in names], "rows": rows}


def method_table(judged: Judged) -> pd.DataFrame:
    """All metrics of all methods with a row for each."""
    return pd.DataFrame(
        [
            {"method": method, "metric": name, **vars(judged.metric(method, name))}
            for method in judged.points
            for name in judged.points[method]
        ]
    )


def comparison_rows(comparisons: Sequence[Comparison]) -> dict[str, Any]:
    """Heading and rows of the table of differences."""
    tests = list(dict.fromkeys(name for found in comparisons for name in found.tests))
    head = ["AUC", "p", "Balanced accuracy", "p", *(f"{name} p" for name in tests), "Reading"]
    rows = []
    for found in comparisons:
        cells: list[Any] = []
        for difference in (found.auc, found.balanced_accuracy):
            cells += [(f"{difference.value:+.3f}", f"{difference.low:+.3f} to {difference.high:+.3f}")]
            cells += [(shown_p(difference.p), "")]
        cells += [(shown_p(found.tests[name]) if name in found.tests else "-", "") for name in tests]
        rows.append((found.method, [*cells, (found.reading, "")]))
    return {"head": head, "rows": rows}


def comparison_table(comparisons: Sequence[Comparison]) -> pd.DataFrame:
    """Differences with a row for each other method."""
    return pd.DataFrame(
        [
            {
                "method": found.method,
                **{f"auc_{key}": value for key, value in found.auc._asdict().items()},
                **{f"balanced_accuracy_{key}": value for key, value in found.balanced_accuracy._asdict().items()},
                **{f"{name}_p".lower().replace(" ", "_"): p for name, p in found.tests.items()},
                "reading": found.reading,
            }
            for found in comparisons
        ]
    )


def confusion_rows(outcome: Outcome, classes: Sequence[str]) -> dict[str, Any]:
    """Numbers of subjects of each true and predicted class, with their share of the true class."""
    matrix = subject_confusion(outcome)
    shares = matrix / matrix.sum(1, keepdims=True).clip(1)  # a class may have no subject
    rows = [
        {
            "name": name,
            "cells": [
                {"number": int(number), "share": float(share)} for number, share in zip(numbers, parts, strict=True)
            ],
        }
        for name, numbers, parts in zip(classes, matrix, shares, strict=True)
    ]
    right = int(matrix.trace())
    return {"method": outcome.name, "classes": list(classes), "rows": rows, "right": right, "all": int(matrix.sum())}


def case_table(cases: Sequence[Case], classes: Sequence[str]) -> pd.DataFrame:
    """Cases with a row for each."""
    return pd.DataFrame(
        [
            {
                "subject": case.subject,
                "true": classes[case.true],
                "predicted": classes[case.predicted],
                "probability_of_true": case.probability,
                "fold": case.fold,
                "files": " ".join(case.files),
            }
            for case in cases
        ]
    )


def _estimate(found: Estimate) -> tuple[str, str]:
    return f"{found.value:.3f}", f"{found.low:.3f} to {found.high:.3f}"


def confusion_table(tables: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Confusion of several methods with a row for each pair of classes."""
    return pd.DataFrame(
        [
            {"method": table["method"], "true": row["name"], "predicted": name, "subjects": cell["number"]}
            for table in tables
            for row in table["rows"]
            for name, cell in zip(table["classes"], row["cells"], strict=True)
        ]
    )
