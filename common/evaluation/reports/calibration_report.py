"""Files of a calibration: the numbers for packaging, and a page with figures for the choice of the threshold."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from ...files import write_atomically
from ...plotting import GREY, figure, line_style
from ..predictions import Outcome
from ..statistics.calibration_summary import COVERAGES, JudgedCalibration
from .figures import reliability_diagram
from .table_lines import table_lines

__all__ = ["risk_coverage_figure", "write_calibration"]

FEWEST = 5  # cases for a point of the curve


def write_calibration(judged: JudgedCalibration, path: str | Path) -> dict[str, Any]:
    """Write ``<name>.json``, and beside it ``<name>.md``, ``<name>_risk_coverage.png`` and ``<name>_reliability.png``.

    Args:
        judged: evaluated calibration.
        path: path of the JSON file, the argument of ``scripts/package.py --calibration``.

    Returns:
        The content of the JSON.
    """
    path = Path(path)
    figures = {
        "Risk and coverage": path.with_name(f"{path.stem}_risk_coverage.png"),
        "Reliability": path.with_name(f"{path.stem}_reliability.png"),
    }
    risk_coverage_figure(judged, figures["Risk and coverage"])
    reliability_diagram(_outcomes(judged), figures["Reliability"])
    page = [*_page(judged)]
    for title, file in figures.items():
        page += ["", f"## {title}", "", f"![{title}]({file.name})"]
    write_atomically(path.with_suffix(".md"), "\n".join(page) + "\n")
    write_atomically(path, json.dumps(judged.summary, indent=2, allow_nan=False) + "\n")
    return judged.summary


def risk_coverage_figure(judged: JudgedCalibration, path: str | Path) -> Path:
    """Accuracy of the called cases over their share, with a band over subjects and the chosen threshold."""
    summary, cases = judged.summary, len(judged.rows.labels)
    curve = judged.accuracy_of_most_confident(np.arange(min(FEWEST, cases), cases + 1) / cases)
    x, y = [point["coverage"] for point in curve], [point["accuracy"] for point in curve]
    low, high = zip(*(point["interval"] for point in curve), strict=True)
    with figure(path, 4.6) as (_, axes):
        axis = axes[0, 0]
        axis.plot(x, y, **line_style(0), label="Most confident cases called")
        axis.fill_between(x, low, high, color=line_style(0)["color"], alpha=0.13, linewidth=0)
        if summary["target_accuracy"] is not None:
            axis.axhline(summary["target_accuracy"], color=GREY, linestyle="--", linewidth=1.5, label="Target")
        if summary["accuracy_of_calls"] is not None:
            style = {**line_style(1), "linestyle": "none", "marker": "o"}
            axis.plot(summary["coverage"], summary["accuracy_of_calls"], **style, label="Threshold, on unseen cases")
        axis.set(xlim=(0, 1.02), ylim=(min(*low, 0.5) - 0.02, 1.02))
        axis.set(xlabel="Coverage: share of cases that are called", ylabel="Accuracy of the calls")
        axis.set_title(f"{summary['num_subjects']} subjects, band: {summary['confidence']:.0%} over them", loc="left")
        axis.legend(loc="center left", bbox_to_anchor=(1.02, 0.5))
    return Path(path)


def _outcomes(judged: JudgedCalibration) -> list[Outcome]:
    """Probabilities before and after calibration as input of :func:`reliability_diagram`."""
    rows = judged.rows
    found = []
    for name, probabilities in (("As trained", rows.probabilities), ("Calibrated", judged.probabilities)):
        said = probabilities.argmax(1)[None]
        given = (rows.parts[None], rows.labels, said, probabilities[None], probabilities[None])
        found.append(Outcome(name, 1.0, (0,), tuple(rows.subjects), *given))
    return found


def _page(judged: JudgedCalibration) -> list[str]:
    summary = judged.summary
    intervals = summary["intervals"]
    error, loss = summary["expected_calibration_error"], summary["negative_log_likelihood"]
    parts = "folds" if summary["cross_fitted_by"] == "fold" else "parts of the subjects"
    rows = [
        ["Temperature", _cell(summary["temperature"], intervals["temperature"])],
        [
            "Expected calibration error before",
            _cell(error["before"], intervals["expected_calibration_error"]["before"]),
        ],
        ["Expected calibration error after", _cell(error["after"], intervals["expected_calibration_error"]["after"])],
        ["Negative log-likelihood before and after", f"{loss['before']:.3f}, {loss['after']:.3f}"],
        ["Threshold of the confidence", f"{summary['threshold']:.3f}"],
        ["Coverage: share of cases that are called", _cell(summary["coverage"], intervals["coverage"])],
        ["Accuracy of the calls", _cell(summary["accuracy_of_calls"], intervals["accuracy_of_calls"])],
        ["Accuracy, all called", f"{summary['accuracy']:.3f}"],
    ]
    trade = [
        [f"{point['coverage']:.0%}", f"{point['threshold']:.3f}", _cell(point["accuracy"], point["interval"])]
        for point in judged.accuracy_of_most_confident(COVERAGES)
    ]
    return [
        "# Calibration",
        "",
        f"{summary['num_subjects']} subjects, {summary['num_images']} images, {summary['num_classes']} classes. All "
        "numbers except temperature and threshold are measured on held-out cases: "
        f"{summary['parts']} {parts}, each with a fit on the others. {summary['confidence']:.0%} intervals over "
        f"subjects ({summary['resamples']} bootstrap resamples); calibration errors are biased upwards, and more so in "
        "resamples.",
        "",
        *table_lines(["", "value"], rows),
        "",
        "## Accuracy with abstention",
        "",
        *table_lines(["Cases called", "Threshold", "Accuracy of the calls"], trade),
    ]


def _cell(value: float | None, interval: list[float] | None) -> str:
    return "-" if value is None or interval is None else f"{value:.3f} ({interval[0]:.3f}-{interval[1]:.3f})"
