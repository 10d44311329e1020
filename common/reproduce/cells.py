"""Values of a paper's table from the results of its runs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..errors import InputError
from .paper import Column, Exhibit, Row

__all__ = ["Results", "cell"]


class Results:
    """What the report of a run says.

    Args:
        report: folder of the report, with ``metrics.json`` and ``predictions.csv``.

    Attributes:
        left_out: folds of which :meth:`by_fold` has found no subject of some class.
    """

    def __init__(self, report: Path) -> None:
        self.summary: dict[str, Any] = json.loads((report / "metrics.json").read_text(encoding="utf-8"))
        self._predictions = report / "predictions.csv"
        self._by_fold: dict[tuple[str, float], pd.DataFrame] = {}
        self.left_out: set[int] = set()

    def metrics(self, name: str, fraction: float) -> Mapping[str, Any] | None:
        """Metrics of a method, ``None`` if there is no such."""
        found = (e for e in self.summary["results"] if e["set"] == name and e.get("fraction", 1.0) == fraction)
        return next((entry["metrics"] for entry in found), None)

    def instead(self, metric: str) -> str:
        """What a cohort has where it lacks a metric.

        Of several structures it has the mean of their Dice; of two classes the sensitivity or specificity, whichever is
        the recall of the class with fewer subjects.
        """
        if metric != "minor_class_accuracy":
            return {"dsc": "dice"}.get(metric, metric)
        counts = [entry["subjects"] for entry in self.summary["classes"]]
        return "sensitivity" if counts.index(min(counts)) == self._positive() else "specificity"

    def by_fold(self, name: str, fraction: float) -> pd.DataFrame:
        """Metrics of each fold of each seed, one row each; folds without a class are left out."""
        if (name, fraction) not in self._by_fold:
            found, left_out = _metrics_by_fold(self._predictions, name, fraction, self._positive())
            self._by_fold[name, fraction] = found
            self.left_out |= left_out
        return self._by_fold[name, fraction]

    def _positive(self) -> int:
        names = [entry["name"] for entry in self.summary["classes"]]
        return names.index(self.summary["positive"]) if self.summary["positive"] else 1


def cell(results: Results, exhibit: Exhibit, cohort: str, row: Row, column: Column) -> str:
    """A cell as the paper prints it: a value, two joined by "/", or mean and standard deviation; "-" if unknown."""
    name = row.set_of(cohort)
    name = f"{name} ({column.modality})" if column.modality else name
    metrics = results.metrics(name, column.fraction)
    if metrics is None:
        return "-"
    scale, digits = (100, 2) if exhibit.percent else (1, 3)
    shown = []
    for wanted in column.metrics:
        metric = wanted if wanted in metrics else results.instead(wanted)
        if metric not in metrics:
            return "-"
        value, spread = metrics[metric]["value"], None
        if exhibit.over == "folds":
            folds = results.by_fold(name, column.fraction)
            if folds.empty:
                return "-"
            each = folds[metric]
            value, spread = each.mean(), each.std(ddof=1) if len(each) > 1 else None
        elif exhibit.over == "seeds" and _several(results.summary, name):
            spread = metrics[metric]["std_over_seeds"]
        shown.append(f"{scale * value:.{digits}f}" + (f" ± {scale * spread:.{digits}f}" if spread is not None else ""))
    return "/".join(shown)


def _several(summary: Mapping[str, Any], name: str) -> bool:
    return any(len(entry["seeds"]) > 1 for entry in summary["results"] if entry["set"] == name)


def _metrics_by_fold(path: Path, name: str, fraction: float, positive: int) -> tuple[pd.DataFrame, set[int]]:
    """Metrics of each fold with all classes, and the other folds."""
    from ..evaluation.predictions import read_predictions
    from ..evaluation.statistics.metrics import bootstrap_metrics
    from ..evaluation.subject_means import subject_means

    table = read_predictions(path, name)
    table = subject_means(table[(table["set"] == name) & (table["fraction"] == fraction)])
    columns = [f"probability_{k}" for k in range(sum(c.startswith("probability_") for c in table.columns))]
    rows, left_out = [], set()
    for (seed, fold), part in table.groupby(["seed", "fold"]):
        try:
            points, _ = bootstrap_metrics(
                part["label"].to_numpy(),
                part["prediction"].to_numpy(),
                part[columns].to_numpy(dtype=float),
                positive=positive,
                resamples=1,
            )
        except InputError:  # a class has no subject in this fold
            left_out.add(int(fold))
            continue
        rows.append({"seed": seed, "fold": fold, **{key: float(np.mean(value)) for key, value in points.items()}})
    return pd.DataFrame(rows), left_out
