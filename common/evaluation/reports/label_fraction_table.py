"""Label fractions as tables: mean and standard deviation over seeds, and intervals over subjects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from ...csv_text import csv_text
from ...files import write_atomically
from ..statistics.metrics import METRIC_NAMES
from .markdown import majority_notes
from .table_lines import table_lines

__all__ = ["label_fraction_notes", "write_label_fraction_table"]

#: Metrics of the papers and further ones; those that a number of classes does not have are left out.
COLUMNS = ("accuracy", "sensitivity", "specificity", "minor_class_accuracy", "auc", "f1_weighted", "balanced_accuracy")


def write_label_fraction_table(
    summary: Mapping[str, Any], folder: str | Path, labelled: Mapping[float, float], figure: str | Path
) -> Path:
    """Write ``label_fractions.csv`` and ``label_fractions.md``.

    Args:
        summary: result of :func:`~common.evaluation.statistics.summary.summarise`, with ``notes``.
        folder: output folder.
        labelled: number of labelled training subjects at each fraction, mean over seeds and folds.
        figure: figure of the curves, in ``folder`` or below.

    Returns:
        Path of ``label_fractions.md``.
    """
    folder = Path(folder)
    names = [name for name in COLUMNS if name in summary["majority_class"]]
    write_atomically(folder / "label_fractions.csv", csv_text(_table(summary, names, labelled)))
    lines = ["# Label fractions", "", *_explanation(summary)]
    for fraction in sorted(summary["fractions"]):
        rows = [["*Majority class*", *(_cell(summary["majority_class"][name], 1) for name in names)]]
        for entry in _entries(summary, fraction):
            rows.append([entry["set"], *(_cell(entry["metrics"][name], len(entry["seeds"])) for name in names)])
        number = labelled[fraction]
        mean = "" if number == int(number) else " (mean over folds)"
        title = f"## {100 * fraction:g} % of the labels: {number:.4g} training subjects{mean}"
        lines += ["", title, "", *table_lines(["Method", *(METRIC_NAMES[name] for name in names)], rows)]
    path = Path(figure).relative_to(folder).as_posix()
    lines += [
        "",
        f"![Label fractions]({path})",
        "",
        *(f"- {note}" for note in [*summary["notes"], *majority_notes(summary)]),
    ]
    return write_atomically(folder / "label_fractions.md", "\n".join(lines) + "\n")


def label_fraction_notes(
    pretrained: Sequence[str],
    probed: Sequence[str],
    seeds: Sequence[int],
    transductive: bool = False,
    elsewhere: bool = False,
) -> list[str]:
    """Sentences for the reports.

    Args:
        pretrained: names of the methods that start from a pre-trained encoder.
        probed: names of the methods that are linear classifiers of fixed features.
        seeds: random seeds for labelled subjects and training.
        transductive: whether pre-training saw the test subjects' images.
        elsewhere: whether pre-training saw the subjects of another datalist.
    """
    notes = [
        f"Seeds {', '.join(map(str, seeds))}: each seeds the training and chooses the subjects that keep their label, "
        "stratified by class, the same ones for all methods, a smaller part inside every larger one. All methods at "
        "all fractions predict the same test subjects."
    ]
    if pretrained:
        once = "one run" if transductive or elsewhere else "one run for each fold"
        saw = "without labels, on all training subjects and no test subject"
        if transductive:
            saw = "**transductive**: it saw the images, not the labels, of all subjects, test subjects too"
        elif elsewhere:
            saw = "without labels, on subjects of another datalist"
        notes.append(f"Pre-training was {saw}; {once}, the same at all fractions and seeds: {', '.join(pretrained)}.")
    if probed:
        notes.append(
            f"{', '.join(probed)}: logistic regression, classes weighted by inverse frequency, its penalty by log loss "
            "in cross-validation; imputation, scaling with its limits, choice of features and penalty use the labelled "
            "subjects only."
        )
    return notes


def _explanation(summary: Mapping[str, Any]) -> Iterator[str]:
    yield (
        f"Mean ± standard deviation over seeds, and in parentheses the {summary['confidence']:.0%} interval of a "
        f"bootstrap over {summary['subjects']} test subjects ({summary['resamples']} resamples). **The standard "
        "deviation over seeds is no interval**: seeds share their test subjects and the pre-training, whose variation "
        "it does not include. Comparisons of the methods are in [report.md](report.md)."
    )


def _entries(summary: Mapping[str, Any], fraction: float) -> Iterator[Mapping[str, Any]]:
    return (entry for entry in summary["results"] if entry["fraction"] == fraction)


def _cell(metric: Mapping[str, float], seeds: int) -> str:
    spread = f" ± {metric['std_over_seeds']:.3f}" if seeds > 1 else ""
    return f"{metric['value']:.3f}{spread} ({metric['low']:.3f}-{metric['high']:.3f})"


def _table(summary: Mapping[str, Any], names: Sequence[str], labelled: Mapping[float, float]) -> pd.DataFrame:
    """One row per method and fraction: ``method, fraction, labelled, seeds, <metric>, <metric>_std, _low, _high``."""
    majority = {"set": "Majority class", "metrics": summary["majority_class"], "seeds": []}
    records = []
    for fraction in sorted(summary["fractions"]):
        for entry in (majority, *_entries(summary, fraction)):
            record = {"method": entry["set"], "fraction": fraction, "labelled": labelled[fraction]}
            record["seeds"] = len(entry["seeds"])
            for name in names:
                metric = entry["metrics"][name]
                record |= {name: metric["value"], f"{name}_std": metric["std_over_seeds"] if entry["seeds"] else None}
                record |= {f"{name}_low": metric["low"], f"{name}_high": metric["high"]}
            records.append(record)
    return pd.DataFrame(records)
