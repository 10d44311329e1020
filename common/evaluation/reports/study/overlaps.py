"""Overlaps of segmentations on the same resamples of the subjects: metrics, differences, subgroups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from ...statistics.metrics import Estimate
from ...statistics.resampling import resample_counts
from ..lesion_report import summarise_lesions
from .differences import LEVEL, shown_p, with_p
from .judged import Judged
from .subgroups import FEWEST, Subgroup, judge_groups

__all__ = ["difference_rows", "difference_table", "judge_overlaps", "overlap_explanations", "overlap_subgroups"]

WILCOXON = "Wilcoxon"


def judge_overlaps(
    values: Mapping[str, pd.DataFrame], *, resamples: int = 2000, confidence: float = 0.95, seed: int = 0
) -> Judged:
    """Means over subjects of each method in the same resamples, so that differences are paired.

    Args:
        values: metrics of each method by name, with the same subjects as index.
        resamples: number of bootstrap resamples over subjects.
        confidence: confidence level of the intervals.
        seed: random seed for the bootstrap.
    """
    points: dict[str, dict[str, np.ndarray]] = {}
    draws: dict[str, dict[str, np.ndarray]] = {}
    for name, table in values.items():
        counts = resample_counts(np.zeros(len(table), dtype=int), resamples, seed)
        points[name], draws[name] = {}, {}
        for metric in table:
            column = table[metric].to_numpy(dtype=float)
            defined = np.isfinite(column)  # an image without lesions has no share of found ones
            if defined.any():
                sums, weights = counts @ np.where(defined, column, 0.0), counts @ defined
                points[name][metric] = np.array([column[defined].mean()])
                draws[name][metric] = sums / np.where(weights > 0, weights, np.nan)
    return Judged(points, draws, confidence)


def overlap_subgroups(
    table: pd.DataFrame, rows: Sequence[Mapping[str, Any]], columns: Sequence[str] | None, confidence: float
) -> list[Subgroup]:
    """Metrics of a method in each group of subjects.

    Args:
        table: metrics of the method with the subjects as index, the one that decides first.
        rows: rows of the datalist.
        columns: columns of the rows; default: all that describe patients and have groups.
        confidence: confidence level of the intervals.
    """

    def metrics_of(members: np.ndarray) -> Mapping[str, Estimate]:
        """Overlaps of some subjects; none of too few."""
        if members.sum() < FEWEST:
            return {}
        return summarise_lesions(table[members], resamples=1000, confidence=confidence)

    return judge_groups(metrics_of, rows, [str(name) for name in table.index], columns)


def difference_table(judged: Judged, values: Mapping[str, pd.DataFrame], method: str) -> pd.DataFrame:
    """The chosen method minus each other one with a row for each metric: interval and p-values.

    Args:
        judged: result of :func:`judge_overlaps`.
        values: its argument.
        method: name of the chosen method.
    """
    rows = []
    for other in judged.methods:
        for metric in judged.points[method] if other != method else ():
            found = judged.difference(method, other, metric)
            signed = _wilcoxon(values[method][metric] - values[other][metric])
            rows.append({"method": other, "metric": metric, **found._asdict(), "wilcoxon_p": signed})
    return pd.DataFrame(rows)


def _wilcoxon(differences: pd.Series) -> float:
    """Two-sided p-value of the signed-rank test; 1 without any difference."""
    from scipy.stats import wilcoxon

    values = differences.dropna().to_numpy(dtype=float)
    return float(wilcoxon(values).pvalue) if np.any(values != 0) else 1.0


def difference_rows(table: pd.DataFrame, titles: Mapping[str, str]) -> dict[str, Any]:
    """Heading and rows of the differences for the template.

    Args:
        table: result of :func:`difference_table`.
        titles: headings of the metrics by name, the one that decides first.
    """
    if table.empty:
        return {"rows": []}
    head = [name for title in titles.values() for name in (title, "p")] + [f"{WILCOXON} p", "Reading"]
    rows = []
    for method, group in table.groupby("method", sort=False):
        of_metric = group.set_index("metric")
        cells: list[tuple[str, str]] = []
        for metric in titles:
            if metric not in of_metric.index:
                cells += [("-", ""), ("-", "")]
                continue
            found = of_metric.loc[metric]
            cells += [(f"{found['value']:+.3f}", f"{found['low']:+.3f} to {found['high']:+.3f}")]
            cells += [(shown_p(float(found["p"])), "")]
        first = group.iloc[0]
        rows.append((str(method), [*cells, (shown_p(float(first["wilcoxon_p"])), ""), (_reading(first), "")]))
    return {"head": head, "rows": rows}


def _decided(found: Mapping[str, Any] | pd.Series) -> bool:
    return bool(found["low"] > 0 or found["high"] < 0)


def _reading(found: pd.Series) -> str:
    if not _decided(found):
        return "not decided"
    return "chosen is better" if found["value"] > 0 else "chosen is worse"


def overlap_explanations(table: pd.DataFrame, metric: str, title: str) -> list[str]:
    """A sentence for statistics of the page that seem to contradict each other.

    Args:
        table: result of :func:`difference_table`.
        metric: metric that decides.
        title: its heading.
    """
    rows = table[table["metric"] == metric] if not table.empty else table
    found = []
    differing = [row for _, row in rows.iterrows() if _decided(row) != (row["wilcoxon_p"] < LEVEL)]
    if differing:
        listed = ", ".join(f"{row['method']} ({with_p(float(row['wilcoxon_p']))})" for row in differing[:4])
        found.append(
            f"Wilcoxon's test and the interval of the {title} disagree for {listed}: it compares the ranks of the "
            "subjects' differences, the interval their mean, which a few subjects with large differences move. The "
            "page decides by the interval."
        )
    opposite = [
        (str(row["method"]), str(other["metric"]))
        for _, row in rows.iterrows()
        for _, other in table[(table["method"] == row["method"]) & (table["metric"] != metric)].iterrows()
        if _decided(other) and str(other["metric"]).startswith("dice") and other["value"] * row["value"] < 0
    ]
    if opposite:
        listed = ", ".join(f"{name} ({metric_name})" for name, metric_name in opposite[:4])
        found.append(
            f"The {title} and that of a single label rank the chosen method differently against {listed}: the mean "
            "over labels may hide that one label is segmented worse."
        )
    return found
