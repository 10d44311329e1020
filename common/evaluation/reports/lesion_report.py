"""Report of segmentations: metrics with intervals over subjects, and differences to the first method."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pandas as pd

from ...csv_text import csv_text
from ...errors import InputError
from ...feature_table import read_table
from ...files import write_atomically
from ...plotting import figure, line_style
from ..statistics.lesion_metrics import LESION_METRIC_NAMES
from ..statistics.metrics import Estimate, estimate
from ..statistics.resampling import resample_counts
from .table_lines import table_lines

__all__ = ["metric_title", "summarise_lesions", "write_lesion_report"]

Table: TypeAlias = str | Path | pd.DataFrame


def write_lesion_report(
    methods: Mapping[str, Table],
    output_dir: str | Path,
    *,
    notes: Sequence[str] = (),
    resamples: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
) -> dict[str, Any]:
    """Write ``subjects.csv``, ``metrics.json``, ``metrics.csv``, ``report.md`` and ``figures/lesions.png``.

    Args:
        methods: CSV file of :class:`~common.handlers.ImageMetrics`, or the same as a table, by name, with the values of
            :func:`~common.evaluation.lesion_metrics` or :func:`~common.evaluation.structure_metrics`; all are compared
            with the first.
        output_dir: output folder; each file is written completely or not at all.
        notes: sentences about how the segmentations were made.
        resamples: number of bootstrap resamples over subjects.
        confidence: confidence level of the intervals.
        seed: random seed for the bootstrap.

    Returns:
        The content of ``metrics.json``, with NaN in place of null for a metric that no subject has.

    Raises:
        InputError: a table or column is missing, or methods have different subjects.

    Example:
        >>> write_lesion_report({"From scratch": "scratch/lesions.csv", "MLSSCL": "mlsscl/lesions.csv"}, "report")
    """
    if not methods:
        raise InputError("methods: found none, expected at least one name with its table")
    values = {name: _subject_means(table, name) for name, table in methods.items()}
    first = next(iter(values))
    for name, table in values.items():
        if different := sorted(set(table.index) ^ set(values[first].index)):
            listed = ", ".join(different[:5])
            raise InputError(f"{name}: found other subjects than {first} has, such as {listed}; expected the same")

    def estimates(table: pd.DataFrame) -> dict[str, dict[str, float]]:
        """Estimates of a table as plain values."""
        found = summarise_lesions(table, resamples=resamples, confidence=confidence, seed=seed)
        return {key: asdict(value) for key, value in found.items()}

    results: list[dict[str, Any]] = [
        {"set": name, "metrics": estimates(table), "difference": estimates(table - values[first])}
        for name, table in values.items()
    ]
    summary = {
        "subjects": len(values[first]),
        "confidence": confidence,
        "resamples": resamples,
        "seed": seed,
        "reference": first,
        "results": results,
        "notes": list(notes),
    }
    folder = Path(output_dir)
    _draw(values, folder / "figures" / "lesions.png")
    subjects = pd.concat(dict(values), names=["set", "subject"]).reset_index()
    rows = [{"set": row["set"], "metric": key, **found} for row in results for key, found in row["metrics"].items()]
    write_atomically(folder / "subjects.csv", csv_text(subjects))
    write_atomically(folder / "metrics.csv", csv_text(pd.DataFrame(rows).drop(columns="std_over_seeds")))
    write_atomically(folder / "metrics.json", json.dumps(_finite(summary), indent=2, allow_nan=False) + "\n")
    write_atomically(folder / "report.md", "\n".join(_text(summary)) + "\n")
    return summary


def summarise_lesions(
    table: pd.DataFrame, *, resamples: int = 2000, confidence: float = 0.95, seed: int = 0
) -> dict[str, Estimate]:
    """Mean over subjects and percentile interval of a bootstrap over them, without NaN.

    Args:
        table: table with a row for each subject and a column for each metric.
        resamples: number of bootstrap resamples; the same number of subjects and ``seed`` give the same resamples, so
            that differences of two methods are paired.
        confidence: confidence level of the intervals.
        seed: random seed for the bootstrap.
    """
    counts = resample_counts(np.zeros(len(table), dtype=int), resamples, seed)
    found = {}
    for name in table:
        column = table[name].to_numpy(dtype=float)
        defined = np.isfinite(column)
        if not defined.any():
            found[name] = Estimate(float("nan"), float("nan"), float("nan"))
            continue
        weights = counts @ defined
        draws = (counts @ np.where(defined, column, 0.0))[weights > 0] / weights[weights > 0]
        found[name] = estimate(np.array([column[defined].mean()]), draws, confidence)
    return found


def _subject_means(table: Table, name: str) -> pd.DataFrame:
    """Metrics by subject, means over its images."""
    source = name if isinstance(table, pd.DataFrame) else str(table)
    found = table if isinstance(table, pd.DataFrame) else read_table(table, ("subject", "session"))
    of_structures = [str(column) for column in found if str(column).startswith("dice")]
    names = of_structures or list(LESION_METRIC_NAMES)
    if missing := [column for column in ("subject", *names) if column not in found]:
        raise InputError(f"{source}: found no column {', '.join(missing)}; expected subject, dsc, ppv, ltpr, lfpr")
    return found.astype({"subject": str}).groupby("subject")[names].mean()


def metric_title(name: str, labels: Mapping[str, str] | None = None) -> str:
    """Heading of a metric: of lesions, or of structures, ``dice`` and ``dice_<label>``.

    Args:
        name: name of the metric.
        labels: names of the labels by index as text.
    """
    if name.startswith("dice_") and (label := name.removeprefix("dice_")) in (labels or {}):
        return f"Dice of {(labels or {})[label]}"
    return LESION_METRIC_NAMES.get(name) or name.replace("dice_", "Dice of label ").replace("dice", "Dice")


def _finite(value: Any) -> Any:
    """The value with null in place of NaN, which JSON does not have."""
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_finite(item) for item in value]
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _text(summary: Mapping[str, Any]) -> Iterator[str]:
    yield from ("# Segmentation", "")
    yield f"Means of {summary['subjects']} subjects with {summary['confidence']:.0%} intervals over subjects."
    yield ""
    yield from _table(summary, "metrics", "{value:.3f} ({low:.3f}-{high:.3f})", summary["results"])
    if len(summary["results"]) > 1:
        yield from ("", f"## Differences to {summary['reference']}", "")
        yield from _table(summary, "difference", "{value:+.3f} ({low:+.3f} to {high:+.3f})", summary["results"][1:])
    yield from ("", "## How to read this", "", *(f"- {note}" for note in summary["notes"]))
    if "ltpr" in summary["results"][0]["metrics"]:
        yield "- DSC and PPV count voxels. LTPR is the share of true lesions (connected components) that the"
        yield "  prediction touches, LFPR the share of predicted lesions that touch none: the lower the better (Carass"
        yield "  et al. 2017)."
        yield "- An image without any lesion has no LTPR and is left out there."
    else:
        yield "- Dice: the overlap of prediction and truth, from 0 to 1; the first column has the mean over the labels."
    yield f"- Intervals: percentiles of {summary['resamples']} bootstrap resamples of the subjects, whose visits stay"
    yield "  together. They reflect the variation between patients, not between training runs or scanners; with fewer"
    yield "  than about ten subjects they are unreliable."
    yield from ("", "![Each subject's values](figures/lesions.png)")


def _table(summary: Mapping[str, Any], key: str, form: str, results: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    names = list(results[0][key])
    rows = [[row["set"], *(form.format(**row[key][name]) for name in names)] for row in results]
    yield from table_lines(["Method", *map(metric_title, names)], rows)


def _draw(values: Mapping[str, pd.DataFrame], path: Path) -> None:
    """Draw each subject as a dot and the mean as a line, with a panel for each metric."""
    rng = np.random.default_rng(0)
    names = list(next(iter(values.values())))
    with figure(path, height=3.4, columns=len(names), sharey=True) as (_, axes):
        for axis, key in zip(axes[0], names, strict=True):
            for place, table in enumerate(values.values()):
                colour = line_style(place)["color"]
                spread = place + rng.uniform(-0.15, 0.15, len(table))
                axis.plot(spread, table[key], "o", color=colour, markersize=4, alpha=0.6)
                axis.plot([place - 0.25, place + 0.25], [table[key].mean()] * 2, color=colour)
            axis.set(title=metric_title(key), ylim=(-0.03, 1.03), xlim=(-0.6, len(values) - 0.4))
            axis.set_xticks(range(len(values)), list(values), rotation=30, ha="right")
