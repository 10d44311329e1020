"""Text of a report: a table like Table 2 of Li et al. 2021, further tables and notes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from ...counts import class_count
from ..statistics.metrics import METRIC_NAMES, headline_metrics
from .paper_table import paper_tables
from .table_lines import table_lines

__all__ = ["majority_notes", "report_text"]


def report_text(summary: Mapping[str, Any], figures: Mapping[str, str]) -> str:
    """Markdown of a summary.

    Args:
        summary: result of :func:`summarise`, with ``notes`` and ``modalities``.
        figures: file names in the folder ``figures`` beside the report, by title.
    """
    lines = ["# Evaluation", "", *_cohort(summary), "", *_main_table(summary), ""]
    for fraction in summary["fractions"]:
        lines += [f"## All metrics, {fraction:.0%} of the labels", "", *_full_table(summary, fraction), ""]
    several = any(len(entry["seeds"]) > 1 for entry in summary["results"])
    if len(summary["classes"]) == 2 and (several or summary["modalities"]):
        lines += ["## Accuracy, precision, recall, F1", "", *paper_tables(summary), ""]
    if summary["comparisons"]:
        lines += ["## Do the methods differ?", "", *_comparison_table(summary), ""]
    lines += ["## How to read this", "", *(f"- {note}" for note in _notes(summary))]
    for title, name in figures.items():
        lines += ["", f"## {title}", "", f"![{title}](figures/{name})"]
    return "\n".join(lines) + "\n"


def _cohort(summary: Mapping[str, Any]) -> list[str]:
    classes = ", ".join(class_count(entry["subjects"], entry["name"]) for entry in summary["classes"])
    positive = f" Positive class: {summary['positive']}." if summary["positive"] else ""
    folds = f"pooled out-of-fold predictions of {summary['folds']} folds" if summary["folds"] > 1 else "one test set"
    folds += ", different for each seed" if summary["redealt"] else ""
    return [f"{summary['subjects']} subjects ({classes}); {folds}.{positive}"]


def _cell(metrics: Mapping[str, Any] | None, name: str) -> str:
    if metrics is None:
        return "-"
    found = metrics[name]
    return f"{found['value']:.3f} ({found['low']:.3f}-{found['high']:.3f})"


def _metrics_of(summary: Mapping[str, Any], name: str, fraction: float) -> Mapping[str, Any] | None:
    found = (entry for entry in summary["results"] if entry["set"] == name and entry["fraction"] == fraction)
    return next((entry["metrics"] for entry in found), None)


def _methods(summary: Mapping[str, Any]) -> list[str]:
    return list(dict.fromkeys(entry["set"] for entry in summary["results"]))


def _main_table(summary: Mapping[str, Any]) -> Iterator[str]:
    """Table with methods as rows and the paper's two metrics for each label fraction as columns."""
    columns = [
        (name, fraction) for fraction in summary["fractions"] for name in headline_metrics(len(summary["classes"]))
    ]
    header = ["Method", *(f"{METRIC_NAMES[name]}, {fraction:.0%} labels" for name, fraction in columns)]
    rows = [["*Majority class*", *(_cell(summary["majority_class"], name) for name, _ in columns)]]
    for method in _methods(summary):
        rows.append([method, *(_cell(_metrics_of(summary, method, fraction), name) for name, fraction in columns)])
    level, resamples = f"{summary['confidence']:.0%}", summary["resamples"]
    yield f"Values with {level} intervals over subjects ({resamples} bootstrap resamples)."
    yield ""
    yield from table_lines(header, rows)


def _full_table(summary: Mapping[str, Any], fraction: float) -> Iterator[str]:
    names = [name for name in METRIC_NAMES if name in summary["majority_class"]]
    names = [name for name in names if name not in ("sensitivity", "specificity")]
    rows = [["*Majority class*", *(_cell(summary["majority_class"], name) for name in names)]]
    spreads = []
    for entry in summary["results"]:
        if entry["fraction"] == fraction:
            rows.append([entry["set"], *(_cell(entry["metrics"], name) for name in names)])
            if len(entry["seeds"]) > 1:
                spreads.append(f"{entry['set']} {entry['metrics']['auc']['std_over_seeds']:.3f}")
    yield from table_lines(["Method", *(METRIC_NAMES[name] for name in names)], rows)
    if spreads:
        yield ""
        yield f"Standard deviation of the AUC over seeds, which is no confidence interval: {', '.join(spreads)}."


def _comparison_table(summary: Mapping[str, Any]) -> Iterator[str]:
    level = f"{summary['confidence']:.0%}"
    header = [
        "Labels",
        "Method",
        "against",
        f"AUC difference, {level} interval",
        "DeLong p",
        "McNemar p",
        "Resampled t p",
    ]
    rows = [
        [
            f"{entry['fraction']:.0%}",
            entry["set"],
            entry["reference"],
            "{value:+.3f} ({low:+.3f} to {high:+.3f})".format(**entry["auc_difference"]),
            *(_p(entry[name]) for name in ("delong_p", "mcnemar_p", "resampled_t_p")),
        ]
        for entry in summary["comparisons"]
    ]
    yield from table_lines(header, rows)
    yield ""
    yield (
        f"{len(rows)} comparisons, p-values not corrected for their number; the best method was chosen by its AUC on "
        "these subjects, so differences from it are optimistic. DeLong compares AUCs (two classes), McNemar right and "
        "wrong predictions, both on pooled predictions, over seeds twice the median p; the resampled t-test "
        "of Nadeau and Bengio compares balanced accuracy by fold"
        + (", with each seed's folds as further repetitions." if summary["redealt"] else ".")
    )


def _p(value: float | None) -> str:
    return "-" if value is None else "< 0.001" if value < 0.001 else f"{value:.3f}"


def majority_notes(summary: Mapping[str, Any]) -> list[str]:
    """A sentence where the most frequent of two classes changes with the fold, as metrics other than 0 and 1 show."""
    majority = summary["majority_class"]
    values = {majority[name]["value"] for name in ("sensitivity", "specificity") if name in majority}
    if not values or values == {0, 1}:
        return []
    return [
        "*Majority class*: which class is the most frequent among the training subjects changes with the fold, so that "
        "its sensitivity and specificity are not 1 and 0."
    ]


def _notes(summary: Mapping[str, Any]) -> list[str]:
    majority = summary["majority_class"]["accuracy"]["value"]
    below = [
        f"{entry['set']} ({entry['fraction']:.0%} labels)"
        for entry in summary["results"]
        if entry["metrics"]["accuracy"]["value"] <= majority
    ]
    return [
        *summary["notes"],
        *majority_notes(summary),
        f"Always predicting the most frequent class is right in {majority:.1%} of these subjects. "
        + (
            f"Not more accurate than that: {', '.join(below)}." if below else "All methods are more accurate than that."
        ),
        f"Intervals: percentiles of a bootstrap over {summary['subjects']} subjects, stratified by class. They reflect "
        "the variation between samples of patients, not between training runs or hospitals. They treat the trained "
        "classifiers as fixed and are somewhat narrow: with noise as features, 95% intervals of the AUC contained 0.5 "
        "in 87% of 220 simulated cohorts of 80 subjects. An interval of zero width does not mean certainty.",
        "A standard deviation over seeds is no confidence interval: seeds share their subjects.",
        "With more than two classes the AUC is the mean of one class against the rest.",
        "The calibration error has ten bins and is biased upwards in small cohorts.",
    ]
