"""Report of predictions by any method: metrics compared with chance and the majority class."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from ...csv_text import csv_text
from ...errors import InputError
from ...files import write_atomically
from ..predictions import outcomes_of, read_predictions
from ..statistics.summary import metrics_table, summarise
from ..subject_means import subject_notes
from .figures import draw_all
from .markdown import report_text

__all__ = ["write_report"]


def write_report(
    predictions: pd.DataFrame | Mapping[str, Any],
    output_dir: str | Path,
    *,
    classes: Sequence[str] | None = None,
    positive: int | None = None,
    modalities: Sequence[str] = (),
    notes: Sequence[str] = (),
    resamples: int = 2000,
    confidence: float = 0.95,
    seed: int = 0,
    figures: bool = True,
) -> dict[str, Any]:
    """Write ``predictions.csv``, ``metrics.json``, ``metrics.csv``, ``report.md`` and ``figures`` into one folder.

    Args:
        predictions: result of :func:`read_predictions`, or the files of each method by name; all are compared with the
            first.
        output_dir: output folder; each file is written completely or not at all.
        classes: class names by label; by default the labels themselves.
        positive: index of the positive class of two; by default the last.
        modalities: names of the modalities; methods named ``<name> (<modality>)`` share a row, see
            :func:`~common.evaluation.reports.paper_table.paper_tables`.
        notes: sentences about how the predictions were made.
        resamples: number of bootstrap resamples over subjects.
        confidence: confidence level of the intervals.
        seed: random seed for the bootstrap.
        figures: whether to draw figures.

    Returns:
        The content of ``metrics.json``.

    Raises:
        InputError: predictions are missing, or methods have different subjects.

    Example:
        >>> write_report({"Supervised": "evaluate/fold{fold}/predictions.csv"}, "report", classes=["low", "high"])
    """
    if isinstance(predictions, Mapping):
        parts = [read_predictions(source, name) for name, source in predictions.items()]
        if not parts:
            raise InputError("predictions: empty; expected at least one name with its file")
        predictions = pd.concat(parts, ignore_index=True)
    number = sum(column.startswith("probability_") for column in predictions.columns)
    classes = [str(label) for label in range(number)] if classes is None else list(classes)
    if len(classes) != number:
        raise InputError(
            f"predictions: probabilities of {number} classes; expected {len(classes)}: {', '.join(classes)}"
        )
    positive = len(classes) - 1 if positive is None else positive
    outcomes = outcomes_of(predictions, positive)
    summary = summarise(
        outcomes, classes=classes, positive=positive, resamples=resamples, confidence=confidence, seed=seed
    )
    summary |= {"modalities": list(modalities), "notes": [*notes, *subject_notes(predictions)]}
    folder = Path(output_dir)
    drawn = draw_all(outcomes, summary, folder / "figures", positive) if figures else {}
    write_atomically(folder / "predictions.csv", csv_text(predictions))
    write_atomically(folder / "metrics.json", json.dumps(summary, indent=2, allow_nan=False) + "\n")
    write_atomically(folder / "metrics.csv", csv_text(metrics_table(summary)))
    write_atomically(folder / "report.md", report_text(summary, {title: path.name for title, path in drawn.items()}))
    return summary
