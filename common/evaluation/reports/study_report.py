"""The page of a study: one HTML file by which a reader can judge the comparison, and its figures and tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pandas as pd

from ...csv_text import csv_text
from ...files import write_atomically
from ...plotting import NARROW
from .figures import confusion_matrices, reliability_diagram, roc_curves
from .label_fraction_figure import label_fraction_figure
from .study.differences import Comparison, compare_all, explanations
from .study.flow import subject_flow
from .study.judged import Judged, judge
from .study.page import case_items, figure_item, rendered
from .study.page_figures import curve_figures, forest_figure, subgroup_figure
from .study.pictures import Pictures
from .study.runs import collapsed, read_curves, trained_networks
from .study.segmentation_page import is_segmentation, write_segmentation_page
from .study.settings_box import next_command, settings_box
from .study.study_files import StudyFiles, about_rows, comparison_folder, read_study, reason_of
from .study.subgroups import Subgroup, confounders, subgroup_rows, subgroup_table, subgroups
from .study.tables import (
    case_table,
    comparison_rows,
    comparison_table,
    confusion_rows,
    confusion_table,
    method_rows,
    method_table,
)
from .study.verdict import BASELINES, Verdict, conclude
from .study.worst_cases import Case, draw_cases, worst_cases

__all__ = ["write_study_report"]

FILES = "report_files"
MOST_METHODS = 8  # with a curve in a figure


def write_study_report(study_dir: str | Path, datalist: str | Path | None = None, *, seconds: float = 120.0) -> Path:
    """Write ``report.html``, one file that needs no other one and no network, and ``report_files/`` with SVG and CSV.

    The page has a verdict in three sentences, settings, the flow of subjects, all methods with intervals, their
    differences, ROC, calibration, confusion by subject, label efficiency, learning curves, subgroups, and the ten worst
    cases as pictures with heat maps. The same study gives the same page.

    Args:
        study_dir: folder of a study, or the ``output_dir`` of ``cross_validate.py`` or ``label_fractions.py``.
        datalist: datalist of the cohort; default: that of the study.
        seconds: time limit of the heat maps on an idle machine.

    Returns:
        The page.

    Raises:
        InputError: the folder holds no finished comparison.
    """
    folder, compare = comparison_folder(study_dir)
    if is_segmentation(compare):
        return write_segmentation_page(folder, compare, datalist)
    study = read_study(folder, datalist)
    judged = judge(
        study.outcomes, study.positive, resamples=study.summary["resamples"], confidence=study.summary["confidence"]
    )
    verdict = conclude(judged, study.summary, study.kinds, (study.record.get("choice") or {}).get("name"))
    return _Page(study, judged, verdict, seconds).write()


class _Page:
    """All parts of the page, and the files beside it."""

    def __init__(self, study: StudyFiles, judged: Judged, verdict: Verdict, seconds: float) -> None:
        self.study, self.judged, self.verdict, self.seconds = study, judged, verdict, seconds
        self.folder, self.files = study.folder, study.folder / FILES
        self.outcome = study.outcomes[verdict.method]
        self.order = sorted(judged.methods, key=lambda name: -judged.points[name]["auc"].mean())
        self.curves = read_curves(study.compare, study.record)
        self.network, self.weights = self._best_network()

    def _best_network(self) -> tuple[str, dict[int, Path]]:
        """The chosen method and its weights by fold, or those of the best method that has some."""
        for name in dict.fromkeys([self.verdict.method, *self.order]):
            if found := trained_networks(self.study.compare, self.study.outcomes[name], self.study.predictions):
                return name, found
        return self.verdict.method, {}

    def write(self) -> Path:
        """Write all files, the page last."""
        study, judged, verdict = self.study, self.judged, self.verdict
        comparisons = compare_all(judged, study.outcomes, verdict.method, study.positive)
        groups = self._groups()
        pictures = Pictures(self.files / "cases")
        worst = worst_cases(self.outcome)
        cases, reason = draw_cases(worst, study, self.outcome, self.weights, pictures, seconds=self.seconds)
        pictures.drop_others()
        shown = [verdict.method, *([verdict.baseline] if verdict.baseline else [])]
        confusions = [confusion_rows(study.outcomes[name], study.classes) for name in shown]
        self._write_tables(comparisons, groups, cases, confusions)
        context = {
            **self._head(),
            "warnings": self._warnings(),
            "settings": settings_box(study.plan, study.summary, list(study.outcomes), study.compare),
            "flow": subject_flow(study),
            "datalist": study.datalist,
            "methods": {**method_rows(judged, self.order), "first": "Method"},
            "methods_caption": self._caption(),
            "about": about_rows(study.record, self.order),
            "comparisons": {**comparison_rows(comparisons), "first": f"{verdict.method} minus"},
            "explanations": explanations(comparisons, judged, study.outcomes, verdict.method, study.summary),
            "confusions": confusions,
            "figures": self._figures(groups),
            "subgroups": subgroup_rows(groups, {"auc": "AUC", "accuracy": "Accuracy"}),
            **self._cases(cases, reason),
            "notes": self._notes(),
            "files": f"{FILES}/",
        }
        return write_atomically(self.folder / "report.html", rendered(context))

    def _warnings(self) -> list[str]:
        classes = dict(zip(self.outcome.subjects, self.outcome.labels.tolist(), strict=True))
        columns = confounders(classes, self.study.rows) if self.study.rows else []
        return [*columns, *collapsed(self.curves, self.study.plan)]

    def _head(self) -> dict[str, Any]:
        study, verdict = self.study, self.verdict
        checkpoint = next(iter(self.weights.values()), None)
        text, command = next_command(study, verdict.method, self.network, checkpoint)
        names = [study.plan.get("bundle"), study.datalist and study.datalist.parent.name, study.folder.name]
        return {
            "title": f"{' or '.join(study.classes[:3])}{', …' * (len(study.classes) > 3)}: which method?",
            "over": " · ".join(dict.fromkeys(str(name) for name in names if name)),
            "sentences": verdict.sentences,
            "reason": reason_of(study.record),
            "method": verdict.method,
            "next": {"text": text, "command": command},
        }

    def _caption(self) -> str:
        seeds = len(self.outcome.seeds)
        share = max(self.study.summary["fractions"])
        return (
            f"{self.study.summary['subjects']} subjects, {share:.0%} of the training labels, "
            f"{self.judged.confidence:.0%} intervals over subjects"
            + (f", mean over {seeds} seeds" if seeds > 1 else "")
        )

    def _groups(self) -> list[Subgroup]:
        if not self.study.rows:
            return []
        columns = self.study.plan.get("subgroups") or None
        return subgroups(self.outcome, self.study.rows, self.study.positive, columns)

    def _figures(self, groups: list[Subgroup]) -> dict[str, list[dict[str, str]]]:
        drawn = {
            "methods": self._of_methods(),
            "classes": self._of_classes(),
            "labels": self._of_labels(),
            "curves": curve_figures(self.curves, self.files),
            "subgroups": self._of_groups(groups),
        }
        captions = {
            "methods": "Bars: intervals over subjects; dashed: majority class.",
            "subgroups": "Number of subjects in parentheses; dashed: all subjects.",
        }
        return {
            part: [figure_item(path, title, self.folder, captions.get(part, "")) for title, path in found]
            for part, found in drawn.items()
        }

    def _of_methods(self) -> Iterator[tuple[str, Path]]:
        for metric in ("auc", "balanced_accuracy"):
            path = self.files / f"methods_{metric}.svg"
            yield f"{metric.replace('_', ' ')} of all methods", forest_figure(self.judged, self.order, path, [metric])

    def _of_classes(self) -> Iterator[tuple[str, Path]]:
        study = self.study
        shown = [study.outcomes[name] for name in self._most_relevant()]
        auc = {name: float(self.judged.points[name]["auc"].mean()) for name in self.judged.methods}
        confidence = self.judged.confidence
        banded = [self.verdict.method, *([self.verdict.baseline] if self.verdict.baseline else [])]
        options: dict[str, Any] = {"positive": study.positive, "confidence": confidence, "banded": banded}
        roc = roc_curves(shown, self.files / "roc.svg", auc=auc, width=NARROW, **options)
        yield "ROC curves", roc
        yield "Calibration", reliability_diagram(shown, self.files / "calibration.svg", width=NARROW)
        confusion_matrices(list(study.outcomes.values()), study.classes, self.files / "confusion_all.svg")

    def _most_relevant(self) -> list[str]:
        """Chosen method, baseline and those with the largest AUC."""
        first = [self.verdict.method, *([self.verdict.baseline] if self.verdict.baseline else [])]
        chosen = list(dict.fromkeys([*first, *self.order]))[:MOST_METHODS]
        return [name for name in self.judged.methods if name in chosen]  # in the order of their colours

    def _of_labels(self) -> Iterator[tuple[str, Path]]:
        if len(self.study.summary["fractions"]) < 2:
            return
        baselines = [name for name, kind in self.study.kinds.items() if kind in BASELINES]
        for metric in ("auc", "balanced_accuracy"):
            path = self.files / f"label_efficiency_{metric}.svg"
            yield (
                f"{metric.replace('_', ' ')} over the share of labels",
                label_fraction_figure(self.study.summary, path, [metric], baselines, width=NARROW),
            )

    def _of_groups(self, groups: list[Subgroup]) -> Iterator[tuple[str, Path]]:
        if any(group.first for group in groups):
            overall = self.judged.metric(self.verdict.method, "auc").value
            yield "AUC by subgroup", subgroup_figure(groups, overall, self.files / "subgroups.svg")

    def _cases(self, cases: list[Case], reason: str) -> dict[str, Any]:
        note = (
            "The subjects with the smallest probability of their true class. Left: image with the outline of its mask."
        )
        if any(case.heat is not None for case in cases):
            note += (
                f" Right: the input of {self.network}; bright where hiding a part lowers the probability of the class "
                f"that {self.verdict.method} predicts most (occlusion sensitivity), by the network of the fold that "
                "had not seen the subject."
            )
        if reason:
            missing = "Some heat maps are missing" if any(case.heat is not None for case in cases) else "No heat maps"
            note += f" {missing}: {reason}."
        return {
            "cases": case_items(cases, self.study.classes),
            "cases_title": f"The {len(cases)} worst cases of {self.verdict.method}",
            "cases_note": note,
        }

    def _notes(self) -> list[str]:
        return [
            *(note.replace("**", "") for note in self.study.summary["notes"]),
            "Intervals reflect the variation between samples of patients, not between trainings or hospitals. They "
            "treat the trained classifiers as fixed and are somewhat narrow.",
            *(["The AUC is the mean of one class against the rest."] if len(self.study.classes) > 2 else []),
        ]

    def _write_tables(
        self,
        comparisons: list[Comparison],
        groups: list[Subgroup],
        cases: list[Case],
        confusions: list[Mapping[str, Any]] | list[dict[str, Any]],
    ) -> None:
        tables: dict[str, pd.DataFrame] = {
            "methods": method_table(self.judged),
            "differences": comparison_table(comparisons),
            "confusion": confusion_table(confusions),
            "learning_curves": self.curves,
            "subgroups": subgroup_table(groups),
            "worst_cases": case_table(cases, self.study.classes),
        }
        for name, table in tables.items():
            if not table.empty:
                write_atomically(self.files / f"{name}.csv", csv_text(table))
