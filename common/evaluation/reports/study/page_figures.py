"""Figures of a study's page that no other report has: all methods with intervals, curves of trainings, subgroups."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd

from ....plotting import GREY, NARROW, figure, line_style, place_legend
from ...statistics.metrics import METRIC_NAMES
from .judged import MAJORITY, Judged
from .subgroups import Subgroup

__all__ = ["curve_figures", "forest_figure", "subgroup_figure"]

ROW = 0.27  # inches
#: Columns of ``metrics.csv`` by what the page calls them, and a bound that a collapsed training crosses.
CURVES: dict[str, dict[str, tuple[str, float | None]]] = {
    "pretraining": {
        "loss": ("Loss of the pre-training", None),
        "knn_balanced_accuracy": ("kNN: balanced accuracy of the features", None),
        "effective_rank": ("Collapse: effective rank of the features", 3.0),
        "feature_std": ("Collapse: spread of the features", 0.05),
        "own_key_rank": ("Rank of the own second view (chance 0.5)", 0.4),
    },
    "training": {
        "loss": ("Loss of the fine-tuning", None),
        "val_auc": ("AUC on the validation part", None),
        "val_dice": ("Dice on the validation part", None),
    },
}


def forest_figure(judged: Judged, methods: Sequence[str], path: Path, metrics: Sequence[str]) -> Path:
    """Each method's metrics with intervals, one panel above the other, and the majority class as a line."""
    height = (ROW * len(methods) + 0.55) * len(metrics)
    with figure(path, height, len(metrics), width=NARROW) as (_, axes):
        for axis, metric in zip(axes[:, 0], metrics, strict=True):
            majority = judged.metric(MAJORITY, metric).value
            axis.axvline(majority, color=GREY, linestyle="--", linewidth=1)
            for place, name in enumerate(methods):
                found = judged.metric(name, metric)
                colour = line_style(judged.methods.index(name))["color"]
                axis.plot([found.low, found.high], [place, place], color=colour, linewidth=1.5)
                axis.plot(found.value, place, "o", color=colour, markersize=5)
            axis.set_yticks(range(len(methods)), methods)
            axis.set_ylim(len(methods) - 0.5, -0.5)
            axis.grid(False, axis="y")
            axis.set_xlabel(METRIC_NAMES[metric])
    return path


def subgroup_figure(groups: Sequence[Subgroup], overall: float, path: Path, title: str = "AUC") -> Path:
    """First metric of each group with its interval, and that of all subjects as a line."""
    shown = [(group, group.first) for group in groups if group.first is not None]
    with figure(path, ROW * len(shown) + 0.8, width=NARROW) as (_, axes):
        axis = axes[0, 0]
        axis.axvline(overall, color=GREY, linestyle="--", linewidth=1)
        columns = list(dict.fromkeys(group.column for group, _ in shown))
        for place, (group, found) in enumerate(shown):
            colour = line_style(columns.index(group.column))["color"]
            axis.plot([found.low, found.high], [place, place], color=colour, linewidth=1.5)
            axis.plot(found.value, place, "o", color=colour, markersize=5)
        names = [f"{group.column}: {group.value} ({group.subjects})" for group, _ in shown]
        axis.set_yticks(range(len(shown)), [name.replace("$", r"\$") for name in names])  # no formulas
        axis.set_ylim(len(shown) - 0.5, -0.5)
        axis.grid(False, axis="y")
        axis.set(xlabel=title)
    return path


def curve_figures(curves: pd.DataFrame, folder: Path) -> Iterator[tuple[str, Path]]:
    """Curves over epochs: a thin line for each training of a method, a thick one for their median.

    Args:
        curves: result of :func:`~common.evaluation.reports.study.runs.read_curves`.
        folder: folder of the SVG files.

    Yields:
        Title and file of each figure.
    """
    for part, columns in CURVES.items():
        rows = curves[curves["pretraining"] == (part == "pretraining")] if not curves.empty else curves
        if part == "training" and not rows.empty:
            rows = rows[rows["labels"].fillna(100) == rows["labels"].fillna(100).max()]
        for column, (title, bound) in columns.items():
            if column in rows and rows[column].notna().any():
                yield (
                    title,
                    _curves(rows.dropna(subset=[column]), column, title, bound, folder / f"{part}_{column}.svg"),
                )


def _curves(rows: pd.DataFrame, column: str, title: str, bound: float | None, path: Path) -> Path:
    methods = list(dict.fromkeys(rows["method"]))
    with figure(path, 0.62 * NARROW + 0.19 * len(methods), width=NARROW) as (drawing, axes):
        axis = axes[0, 0]
        for index, method in enumerate(methods):
            of_method, style = rows[rows["method"] == method], line_style(index)
            for _, run in of_method.groupby("run"):
                axis.plot(run["epoch"], run[column], **style, linewidth=0.7, alpha=0.35)
            median = of_method.groupby("epoch")[column].median()
            single = {"marker": "o", "markersize": 3} if len(median) < 3 else {}
            axis.plot(median.index, median, **style, **single, label=method)
        if bound is not None:
            axis.axhline(bound, color=GREY, linestyle="--", linewidth=1)
        axis.set(xlabel="Epoch")
        axis.set_title(title, loc="left")
        axis.set_xlim(0.5, max(float(rows["epoch"].max()), 1) + 0.5)
        axis.xaxis.get_major_locator().set_params(integer=True)
        place_legend(drawing, axis, ncols=1)
    return path
