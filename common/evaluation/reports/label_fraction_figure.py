"""Zhao and Yang 2021, Fig. 2: metrics over the share of labels."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ...plotting import COLOURS, GREY, NARROW, WIDTH, figure, line_style
from ..statistics.metrics import METRIC_NAMES

__all__ = ["label_fraction_figure"]

MARKERS = "osD^vPX*<>"


def label_fraction_figure(
    summary: Mapping[str, Any],
    path: str | Path,
    metrics: Sequence[str] = ("auc", "f1_weighted"),
    baselines: Collection[str] = (),
    width: float = WIDTH,
) -> Path:
    """Curves of all methods with intervals over subjects, one panel for each metric.

    Fractions are equidistant, and methods are shown next to each other at each, so that bars do not overlap.

    Args:
        summary: result of :func:`~common.evaluation.statistics.summary.summarise`.
        path: path of the PNG or SVG file.
        metrics: metrics, one panel each.
        baselines: methods without pre-training, drawn dashed like the majority class.
        width: width in inches.
    """
    fractions = sorted(summary["fractions"])
    methods = list(dict.fromkeys(entry["set"] for entry in summary["results"]))
    found = {(entry["set"], entry["fraction"]): entry["metrics"] for entry in summary["results"]}
    offsets = (np.arange(len(methods)) - (len(methods) - 1) / 2) * min(0.08, 0.7 / len(methods))
    columns = 3 if width > NARROW else 1
    height = 0.41 * max(width, 6.5) * len(metrics) + 0.25 * -(-(len(methods) + 1) // columns)
    with figure(path, height, len(metrics), width=width) as (drawing, axes):
        for axis, metric in zip(axes.flat, metrics, strict=True):
            majority = summary["majority_class"][metric]["value"]
            axis.axhline(majority, color=GREY, linestyle="--", linewidth=1.5, label="Majority class")
            for index, method in enumerate(methods):
                here = [place for place, fraction in enumerate(fractions) if (method, fraction) in found]
                values = [found[method, fractions[place]][metric] for place in here]
                y = np.array([value["value"] for value in values])
                bars = np.array([y - [value["low"] for value in values], [value["high"] for value in values] - y])
                style = {**line_style(index), "linestyle": "--" if method in baselines else "-"}
                axis.errorbar(
                    np.array(here) + offsets[index],
                    y,
                    np.clip(bars, 0, None),  # a mean over seeds may be slightly outside
                    **style,
                    marker=MARKERS[index % len(MARKERS)],
                    markerfacecolor=style["color"] if index < len(COLOURS) else "white",  # colours repeat
                    markersize=5,
                    capsize=2.5,
                    elinewidth=1,
                    label=method,
                )
            axis.set_xticks(range(len(fractions)), [f"{100 * fraction:g} %" for fraction in fractions])
            axis.set_xlim(-0.5, len(fractions) - 0.5)
            axis.grid(False, axis="x")
            axis.set_ylabel(METRIC_NAMES[metric])
        axes[0, 0].set_title(
            f"{summary['subjects']} test subjects, bars: {summary['confidence']:.0%} intervals over them", loc="left"
        )
        axes[-1, 0].set_xlabel("Training subjects with a label")
        handles, labels = axes[0, 0].get_legend_handles_labels()
        drawing.legend(handles, labels, loc="outside lower center", ncols=min(len(labels), columns))
    return Path(path)
