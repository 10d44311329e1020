"""The page of a study of segmentation: overlaps in place of probabilities."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ....csv_text import csv_text
from ....errors import InputError, one_line
from ....feature_table import read_table
from ....files import write_atomically
from ....images.read import read_image
from ....images.stored_image import UnreadableImageError
from ....images.thumbnail import thumbnail
from ....plotting import NARROW, figure, line_style
from ..lesion_report import metric_title
from .page import embedded, figure_item, rendered
from .page_figures import curve_figures
from .runs import collapsed, read_curves
from .settings_box import settings_box
from .study_files import cohort_of, read_json, read_plan, reason_of
from .worst_cases import short_name

__all__ = ["is_segmentation", "write_segmentation_page"]

FILES = "report_files"
logger = logging.getLogger(__name__)
WORST = 10


def is_segmentation(compare: Path) -> bool:
    """Whether a comparison is one of segmentations, whose report has values by subject and no classes."""
    metrics = compare / "report" / "metrics.json"
    return metrics.is_file() and "classes" not in read_json(metrics)


def write_segmentation_page(folder: Path, compare: Path, datalist: str | Path | None) -> Path:
    """Write ``report.html`` and ``report_files/`` for segmentations.

    Args:
        folder: folder of the study.
        compare: folder of the comparison, whose ``report`` has ``metrics.json`` and ``subjects.csv``.
        datalist: datalist of the cohort; default: that of the study.

    Raises:
        InputError: a file is missing or damaged.
    """
    summary, (plan, record) = read_json(compare / "report" / "metrics.json"), read_plan(folder)
    table = read_table(compare / "report" / "subjects.csv", ("subject", "set"))
    metric = next(name for name in table.columns if name not in ("subject", "set"))
    results = {str(entry["set"]): entry for entry in summary["results"]}
    chosen = (record.get("choice") or {}).get("name")
    best = max(results, key=lambda name: results[name]["metrics"][metric]["value"] or 0.0)
    method = chosen if chosen in results else best
    files = folder / FILES
    curves = read_curves(compare)
    cases, rows = _worst(table, method, metric, folder, compare, datalist)
    write_atomically(files / "subjects.csv", csv_text(table))
    if not curves.empty:
        write_atomically(files / "learning_curves.csv", csv_text(curves))
    dots = _dots(table, list(results), metric, files / "methods.svg")
    drawn = {
        "methods": [figure_item(dots, metric_title(metric), folder, "Dots: subjects; lines: means.")],
        "curves": [figure_item(path, title, folder) for title, path in curve_figures(curves, files)],
    }
    context: dict[str, Any] = {
        "title": "Segmentation: which method?",
        "over": " · ".join(str(name) for name in (plan.get("bundle"), folder.name) if name),
        "sentences": _sentences(summary, results, table, method, metric),
        "reason": reason_of(record),
        "method": method,
        "next": {"text": "Go on with:" if record.get("next") else "", "command": record.get("next") or ""},
        "warnings": collapsed(curves),
        "settings": settings_box(plan, record, summary, list(results), compare),
        "flow": _flow(plan, rows, summary),
        "datalist": rows,
        "methods": _methods(results),
        "methods_caption": f"Means of {summary['subjects']} subjects, {summary['confidence']:.0%} intervals over them",
        "comparisons": {"rows": []},
        "explanations": [],
        "confusions": [],
        "figures": {"classes": [], "labels": [], "subgroups": [], **drawn},
        "subgroups": {"rows": []},
        "cases": cases,
        "cases_title": f"The {len(cases)} worst cases of {method}",
        "cases_note": f"The subjects with the smallest {metric_title(metric)}, with the outline of the true label.",
        "notes": [*summary["notes"], "Intervals reflect the variation between samples of patients."],
        "files": f"{FILES}/",
    }
    return write_atomically(folder / "report.html", rendered(context))


def _sentences(
    summary: Mapping[str, Any], results: Mapping[str, Any], table: pd.DataFrame, method: str, metric: str
) -> list[str]:
    found, title = results[method]["metrics"][metric], metric_title(metric)
    text = f"{found['value']:.2f} ({summary['confidence']:.0%} interval {found['low']:.2f} to {found['high']:.2f})"
    sentences = [f"{method} segments {summary['subjects']} held-out subjects with a mean {title} of {text}."]
    first = summary["reference"]
    if method != first:
        other, change = results[first]["metrics"][metric], results[method]["difference"][metric]
        beyond = change["low"] > 0 or change["high"] < 0
        sentences.append(
            f"The first method, {first}, reaches {other['value']:.2f}, a difference of {change['value']:+.2f} "
            f"({change['low']:+.2f} to {change['high']:+.2f}), which is {'beyond' if beyond else 'within'} chance."
        )
    if len(results) == 1:
        return [*sentences, "No other method was compared, and other hospitals were not tested."]
    values = table.pivot_table(index="subject", columns="set", values=metric)
    close = [name for name in values if name != method and not _decided(values[method] - values[name])]
    sentences.append(
        f"The cohort cannot decide between {method} and {', '.join(close)}, and other hospitals were not tested."
        if close
        else "Differences to all other methods are beyond chance; the performance in other hospitals is unknown."
    )
    return sentences


def _decided(differences: pd.Series) -> bool:
    """Whether a bootstrap interval of the mean over subjects leaves 0 out."""
    values = differences.dropna().to_numpy()
    draws = np.random.default_rng(0).choice(values, (2000, len(values))).mean(1)
    low, high = np.quantile(draws, (0.025, 0.975))
    return bool(low > 0 or high < 0)


def _methods(results: Mapping[str, Any]) -> dict[str, Any]:
    names = list(next(iter(results.values()))["metrics"])
    rows = [(name, [_cell(entry["metrics"][metric]) for metric in names]) for name, entry in results.items()]
    return {"first": "Method", "head": [metric_title(name) for name in names], "rows": rows}


def _cell(found: Mapping[str, float | None]) -> tuple[str, str]:
    if found["value"] is None:
        return "-", ""
    return f"{found['value']:.3f}", f"{found['low']:.2f} to {found['high']:.2f}"


def _flow(plan: Mapping[str, Any], rows: list[dict[str, Any]], summary: Mapping[str, Any]) -> list[dict[str, Any]]:
    excluded = plan.get("cohort", {}).get("excluded") or []
    steps = []
    if rows:
        subjects = len({row["subject"] for row in rows})
        left = [f"{len(excluded)} rows were excluded by the checks"] if excluded else []
        steps.append({"title": "Subjects with usable images", "count": subjects, "details": (), "left": left})
    steps.append({"title": "Subjects judged by every method", "count": summary["subjects"], "details": (), "left": ()})
    return steps


def _dots(table: pd.DataFrame, methods: list[str], metric: str, path: Path) -> Path:
    rng = np.random.default_rng(0)
    with figure(path, 0.5 * len(methods) + 0.8, width=NARROW) as (_, axes):
        axis = axes[0, 0]
        for place, name in enumerate(methods):
            values = table.loc[table["set"] == name, metric]
            colour = line_style(place)["color"]
            axis.plot(values, place + rng.uniform(-0.2, 0.2, len(values)), "o", color=colour, markersize=3, alpha=0.5)
            axis.plot([values.mean()] * 2, [place - 0.3, place + 0.3], color=colour)
        axis.set_yticks(range(len(methods)), methods)
        axis.set_ylim(len(methods) - 0.5, -0.5)
        axis.grid(False, axis="y")
        axis.set(xlabel=metric_title(metric))
    return path


def _worst(
    table: pd.DataFrame, method: str, metric: str, folder: Path, compare: Path, datalist: str | Path | None
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """The worst cases for the template, and the rows of the datalist."""
    path, rows = cohort_of(folder, compare, datalist)
    own = table[table["set"] == method].sort_values(metric, kind="stable").head(WORST)
    by_subject = {row["subject"]: row for row in reversed(rows)}
    cases = []
    for subject, value in zip(own["subject"], own[metric], strict=True):
        row = by_subject.get(str(subject), {})
        images = [image for image in _listed(row.get("image")) if image]
        truth = row.get("label") if isinstance(row.get("label"), str) else row.get("mask")
        base = path.parent if path else folder
        truth = str(base / truth) if isinstance(truth, str) else None
        names = [short_name(name, base) for name in [*images, *([truth] if truth else [])]]
        picture = _picture(images, truth)
        cases.append(
            {
                "subject": subject,
                "text": f"{metric_title(metric)} {value:.2f}",
                "facts": "",
                "files": names,
                "picture": embedded(picture),
                "heat": "",
            }
        )
    return cases, rows


def _listed(image: Any) -> list[Any]:
    return image if isinstance(image, list) else [image]


def _picture(images: list[str], truth: str | None) -> np.ndarray | None:
    if not images:
        return None
    try:
        return thumbnail(read_image(images[0]), read_image(truth, is_mask=True) if truth else None)
    except (OSError, UnreadableImageError, InputError) as error:
        logger.warning(f"{images[0]}: no picture: {one_line(error)}")
        return None
