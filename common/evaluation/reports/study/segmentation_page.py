"""The page of a study of segmentation: overlaps in place of probabilities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ....csv_text import csv_text
from ....feature_table import read_table
from ....files import write_atomically
from ....plotting import NARROW, figure, line_style
from ..lesion_report import metric_title
from .flow import excluded_lines, listed
from .judged import Judged
from .overlaps import difference_rows, difference_table, judge_overlaps, overlap_explanations, overlap_subgroups
from .page import embedded, figure_item, rendered
from .page_figures import curve_figures, subgroup_figure
from .pictures import Pictures
from .runs import collapsed, read_curves
from .segmentation_cases import SegmentedCase, held_out_images, worst_segmentations
from .settings_box import next_of_study, settings_box
from .study_files import about_rows, cohort_of, read_json, read_plan, reason_of
from .subgroups import Subgroup, subgroup_rows, subgroup_table

__all__ = ["is_segmentation", "write_segmentation_page"]

FILES = "report_files"
MOST_FIGURES = 6  # metrics with a figure of all subjects


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
    return _Page(folder, compare, datalist).write()


class _Page:
    """All parts of the page, and the files beside it."""

    def __init__(self, folder: Path, compare: Path, datalist: str | Path | None) -> None:
        self.folder, self.compare, self.files = folder, compare, folder / FILES
        self.summary, (self.plan, self.record) = read_json(compare / "report" / "metrics.json"), read_plan(folder)
        self.table = read_table(compare / "report" / "subjects.csv", ("subject", "set"))
        self.values = {
            str(name): part.drop(columns="set").set_index("subject").dropna(axis=1, how="all")
            for name, part in self.table.groupby("set", sort=False)
        }
        self.judged = judge_overlaps(
            self.values,
            resamples=self.summary["resamples"],
            confidence=self.summary["confidence"],
            seed=self.summary.get("seed", 0),
        )
        self.metric = str(next(iter(self.judged.points[self.judged.methods[0]])))
        chosen = (self.record.get("choice") or {}).get("name")
        self.method = chosen if chosen in self.values else self.judged.best(self.metric)
        self.datalist, self.rows = cohort_of(folder, compare, datalist)
        labels = read_json(self.datalist).get("labels") if self.datalist else None
        metrics = dict.fromkeys(str(name) for found in self.judged.points.values() for name in found)
        self.titles = {name: metric_title(name, labels if isinstance(labels, Mapping) else None) for name in metrics}
        self.curves = read_curves(compare, self.record)

    def write(self) -> Path:
        """Write all files, the page last."""
        own = self.values[self.method]
        differences = difference_table(self.judged, self.values, self.method)
        columns = self.plan.get("subgroups") or None
        groups = overlap_subgroups(own, self.rows, columns, self.judged.confidence) if self.rows else []
        cases = self._worst(own)
        self._write_tables(differences, groups, cases)
        title = self.titles[self.metric]
        context: dict[str, Any] = {
            **self._head(),
            "warnings": collapsed(self.curves, self.plan),
            "settings": settings_box(self.plan, self.summary, list(self.values), self.compare),
            "flow": _flow(self.plan, self.rows, [str(name) for name in own.index], self.summary),
            "datalist": self.rows,
            "methods": _methods(self.judged, self.titles),
            "methods_caption": f"Means of {self.summary['subjects']} subjects, {self.judged.confidence:.0%} intervals "
            "over them",
            "about": about_rows(self.record, self.judged.methods),
            "comparisons": {**difference_rows(differences, self.titles), "first": f"{self.method} minus"},
            "explanations": overlap_explanations(differences, self.metric, title),
            "confusions": [],
            "figures": self._figures(groups),
            "subgroups": subgroup_rows(groups, self.titles) if groups else {"rows": []},
            "cases": [_case_item(case, self.titles) for case in cases],
            "cases_title": f"The {len(cases)} worst cases of {self.method}",
            "cases_note": _cases_note(cases, title, self.evaluated),
            "notes": [*self.summary["notes"], "Intervals reflect the variation between samples of patients."],
            "files": f"{FILES}/",
        }
        return write_atomically(self.folder / "report.html", rendered(context))

    def _head(self) -> dict[str, Any]:
        text, command = next_of_study(self.record) or ("", "")
        return {
            "title": "Segmentation: which method?",
            "over": " · ".join(str(name) for name in (self.plan.get("bundle"), self.folder.name) if name),
            "sentences": sentences(self.judged, self.summary, self.method, self.metric, self.titles[self.metric]),
            "reason": reason_of(self.record),
            "method": self.method,
            "next": {"text": text, "command": command},
        }

    def _figures(self, groups: Sequence[Subgroup]) -> dict[str, list[dict[str, str]]]:
        drawn: dict[str, list[tuple[str, Path]]] = {
            "methods": [
                (title, _dots(self.values, metric, title, self.files / f"methods_{metric}.svg"))
                for metric, title in list(self.titles.items())[:MOST_FIGURES]
            ],
            "curves": list(curve_figures(self.curves, self.files)),
            "subgroups": [],
        }
        if any(group.first for group in groups):
            title, overall = self.titles[self.metric], self.judged.metric(self.method, self.metric).value
            path = subgroup_figure(groups, overall, self.files / "subgroups.svg", title)
            drawn["subgroups"].append((f"{title} by subgroup", path))
        captions = {
            "methods": "Dots: subjects; lines: means.",
            "subgroups": "Number of subjects in parentheses; dashed: all subjects.",
        }
        items = {
            part: [figure_item(path, title, self.folder, captions.get(part, "")) for title, path in found]
            for part, found in drawn.items()
        }
        return {"classes": [], "labels": [], **items}

    def _worst(self, own: pd.DataFrame) -> list[SegmentedCase]:
        pictures = Pictures(self.files / "cases")
        images = held_out_images(self.compare, own, self.metric)
        rows = sorted({image["masks"].parents[2].relative_to(self.folder) for image in images.values()})
        self.evaluated = [f"{row}/fold*/evaluate" for row in rows]
        base = self.datalist.parent if self.datalist else self.folder
        cases = list(worst_segmentations(own, self.metric, images, self.rows, base, pictures))
        pictures.drop_others()
        return cases

    def _write_tables(
        self, differences: pd.DataFrame, groups: Sequence[Subgroup], cases: Sequence[SegmentedCase]
    ) -> None:
        worst = [
            {"subject": case.subject, "fold": case.fold, **case.metrics, "files": " ".join(case.files)}
            for case in cases
        ]
        methods = [
            {"method": name, "metric": metric, **vars(self.judged.metric(name, metric))}
            for name in self.judged.methods
            for metric in self.judged.points[name]
        ]
        tables = {
            "subjects": self.table,
            "methods": pd.DataFrame(methods),
            "differences": differences,
            "learning_curves": self.curves,
            "subgroups": subgroup_table(groups),
            "worst_cases": pd.DataFrame(worst),
        }
        for name, table in tables.items():
            if not table.empty:
                write_atomically(self.files / f"{name}.csv", csv_text(table))


def sentences(judged: Judged, summary: Mapping[str, Any], method: str, metric: str, title: str) -> list[str]:
    """The verdict: how good, compared with the first method, and what the cohort cannot decide.

    Args:
        judged: metrics of all methods.
        summary: content of ``metrics.json``.
        method: name of the chosen method.
        metric: metric that decides.
        title: its heading.
    """
    found = judged.metric(method, metric)
    text = f"{found.value:.3f} ({judged.confidence:.0%} interval {found.low:.3f} to {found.high:.3f})"
    verdict = [f"{method} segments {summary['subjects']} held-out subjects with a mean {title} of {text}."]
    first = summary["reference"]
    if method != first:
        other, change = judged.metric(first, metric), judged.difference(method, first, metric)
        verdict.append(
            f"The first method, {first}, reaches {other.value:.3f}, a difference of {change.value:+.3f} "
            f"({change.low:+.3f} to {change.high:+.3f}), which is {'beyond' if change.decided else 'within'} chance."
        )
    others = [name for name in judged.methods if name != method]
    if not others:
        return [*verdict, "No other method was compared, and other hospitals were not tested."]
    close = [name for name in others if not judged.difference(method, name, metric).decided]
    verdict.append(
        f"The cohort cannot decide between {method} and {', '.join(close)}, and other hospitals were not tested."
        if close
        else "Differences to all other methods are beyond chance; the performance in other hospitals is unknown."
    )
    return verdict


def _methods(judged: Judged, titles: Mapping[str, str]) -> dict[str, Any]:
    rows = []
    for name in judged.methods:
        cells = [("-", "")] * len(titles)
        for place, metric in enumerate(titles):
            if metric in judged.points[name]:
                found = judged.metric(name, metric)
                cells[place] = (f"{found.value:.3f}", f"{found.low:.3f} to {found.high:.3f}")
        rows.append((name, cells))
    return {"first": "Method", "head": list(titles.values()), "rows": rows}


def _flow(
    plan: Mapping[str, Any], rows: Sequence[Mapping[str, Any]], judged: Sequence[str], summary: Mapping[str, Any]
) -> list[dict[str, Any]]:
    excluded = plan.get("cohort", {}).get("excluded") or []
    steps: list[dict[str, Any]] = []
    if rows:
        subjects = dict.fromkeys(str(row["subject"]) for row in rows)
        labelled = {str(row["subject"]) for row in rows if row.get("label") is not None or row.get("mask")}
        unlabelled = [name for name in subjects if name not in labelled]
        untested = [name for name in subjects if name in labelled and name not in set(judged)]
        left = [f"{len(excluded)} rows were excluded by the checks", *excluded_lines(excluded)] if excluded else []
        left += [f"{len(unlabelled)} without a label map: pre-training only", listed(unlabelled)] if unlabelled else []
        left += [f"{len(untested)} not in a tested fold: training only", listed(untested)] if untested else []
        steps.append({"title": "Subjects with usable images", "count": len(subjects), "details": (), "left": left})
    steps.append({"title": "Subjects judged by every method", "count": summary["subjects"], "details": (), "left": ()})
    return steps


def _dots(values: Mapping[str, pd.DataFrame], metric: str, title: str, path: Path) -> Path:
    rng = np.random.default_rng(0)
    with figure(path, 0.5 * len(values) + 0.8, width=NARROW) as (_, axes):
        axis = axes[0, 0]
        for place, table in enumerate(values.values()):
            if metric not in table:
                continue
            colour, found = line_style(place)["color"], table[metric]
            axis.plot(found, place + rng.uniform(-0.2, 0.2, len(found)), "o", color=colour, markersize=3, alpha=0.5)
            axis.plot([found.mean()] * 2, [place - 0.3, place + 0.3], color=colour)
        axis.set_yticks(range(len(values)), list(values))
        axis.set_ylim(len(values) - 0.5, -0.5)
        axis.grid(False, axis="y")
        axis.set(xlabel=title)
    return path


def _case_item(case: SegmentedCase, titles: Mapping[str, str]) -> dict[str, Any]:
    """A case for the template."""
    scores = [f"{titles[name]} {value:.2f}" for name, value in case.metrics.items() if np.isfinite(value)]
    return {
        "subject": case.subject,
        "text": ", ".join([*scores, *([] if case.fold is None else [f"fold {case.fold}"])]),
        "facts": ", ".join(f"{name} {value}" for name, value in (case.facts or {}).items()),
        "files": case.files,
        "picture": embedded(case.reference),
        "heat": embedded(case.predicted),
        "second": "Prediction",
    }


def _cases_note(cases: Sequence[SegmentedCase], title: str, evaluated: Sequence[str]) -> str:
    """What the pictures show; without predictions, which folders to delete so that the networks predict again."""
    note = f"The subjects with the smallest {title}."
    if not any(case.reference is not None for case in cases):
        return note
    note += " Orange: outlines of the reference."
    if any(case.predicted is not None for case in cases):
        return (
            f"{note} Blue: outlines of the prediction by the network of the fold that had not seen the subject, in the "
            "same plane, the one in which both differ most."
        )
    return (
        f"{note} The predictions were not kept. For their outlines delete {', '.join(evaluated)} and start the command "
        "of the study or comparison again: the trained networks stay, and predict once more."
    )
