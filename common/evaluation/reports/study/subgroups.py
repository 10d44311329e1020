"""Performance of one method by the values of any column of the datalist."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ...predictions import Outcome
from ...statistics.metrics import Estimate, classification_metrics

__all__ = ["Subgroup", "confounders", "subgroup_rows", "subgroup_table", "subgroups"]

#: Keys of a row that describe no patient.
NO_COLUMNS = frozenset(("image", "mask", "label", "subject", "fold", "row", "index", "section", "session", "slice"))
FEWEST = 10  # subjects of a group with metrics
FEWEST_OF_CLASS = 2
TELLS = 0.5  # lambda of a column that is reported
MOST_VALUES = 8  # numbers with more are cut into thirds, texts with more are left out


@dataclass(frozen=True)
class Subgroup:
    """Metrics of the subjects with one value of a column; ``None`` for too few subjects or classes."""

    column: str
    value: str
    subjects: int
    positives: int
    auc: Estimate | None
    accuracy: Estimate | None
    differs: bool = False


def subgroups(
    outcome: Outcome,
    rows: Sequence[Mapping[str, Any]],
    positive: int,
    columns: Sequence[str] | None = None,
    *,
    resamples: int = 1000,
    confidence: float = 0.95,
) -> list[Subgroup]:
    """Metrics of a method in each group.

    Numbers with many values, such as ages, are cut into thirds. A subject has the value of its first image. ``differs``
    is set where the interval of a group's AUC leaves out the AUC of all subjects.

    Args:
        outcome: predictions of the method.
        rows: rows of the datalist.
        positive: index of the positive class of two.
        columns: columns of the rows; default: all that describe patients and have a few values.
        resamples: number of bootstrap resamples over a group's subjects.
        confidence: confidence level of the intervals.
    """
    table = pd.DataFrame([{**row} for row in rows]).drop_duplicates("subject").set_index("subject")
    table = table.reindex(list(outcome.subjects))
    names = [name for name in table.columns if name not in NO_COLUMNS] if columns is None else list(columns)
    whole = _metrics(outcome, np.ones(len(outcome.labels), dtype=bool), positive, resamples, confidence)
    found = []
    for name in names:
        if name not in table or (values := _groups(table[name])) is None:
            continue
        for value in dict.fromkeys(sorted(values.dropna(), key=_order)):
            members = (values == value).to_numpy()
            auc, accuracy = _metrics(outcome, members, positive, resamples, confidence)
            differs = bool(auc and whole[0] and not auc.low <= whole[0].value <= auc.high)
            positives = int((outcome.labels[members] == positive).sum())
            found.append(Subgroup(name, _text(value), int(members.sum()), positives, auc, accuracy, differs))
        if missing := int(values.isna().sum()):
            found.append(Subgroup(name, "unknown", missing, 0, None, None))
    return found


def confounders(classes: Mapping[str, int], rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """A line for each column of texts, such as the centre, that almost tells the class.

    The measure is Goodman and Kruskal's lambda: by how much knowing the column reduces the errors of always naming the
    most frequent class.

    Args:
        classes: class of each subject.
        rows: rows of the datalist.
    """
    table = pd.DataFrame([{**row} for row in rows]).drop_duplicates("subject").set_index("subject")
    table, labels = table.reindex(list(classes)), np.array(list(classes.values()))
    found = []
    for name in (column for column in table.columns if column not in NO_COLUMNS):
        values = _groups(table[name])
        if values is None or pd.to_numeric(values, errors="coerce").notna().any() or values.map(type).eq(tuple).any():
            continue
        counts = pd.crosstab(values.fillna("unknown").to_numpy(), labels).to_numpy()
        errors = len(labels) - np.bincount(labels).max()
        share = 1 - (len(labels) - counts.max(1).sum()) / errors if errors else 0.0
        if share >= TELLS:
            found.append(
                f"The column {name} almost tells the class (it removes {share:.0%} of the majority's errors): a method "
                f"may recognise the {name} and not the disease; look at its subgroups, and test it within each {name}."
            )
    return found


def _metrics(
    outcome: Outcome, members: np.ndarray, positive: int, resamples: int, confidence: float
) -> tuple[Estimate | None, Estimate | None]:
    labels = outcome.labels[members]
    counts = np.bincount(labels, minlength=outcome.num_classes)
    if len(labels) < FEWEST or counts.min() < FEWEST_OF_CLASS:
        return None, None
    metrics = classification_metrics(
        labels,
        outcome.predictions[:, members],
        outcome.probabilities[:, members],
        outcome.scores[:, members],
        positive=positive,
        resamples=resamples,
        confidence=confidence,
    )
    return metrics["auc"], metrics["accuracy"]


def _groups(column: pd.Series) -> pd.Series | None:
    """The group of each subject; ``None`` for a column without groups, such as a name or a constant."""
    known = column.map(lambda value: None if isinstance(value, list | dict) or value == "" else value)
    numbers = pd.to_numeric(known, errors="coerce")
    if numbers.notna().sum() == known.notna().sum() and numbers.nunique() > MOST_VALUES:
        return _thirds(numbers)
    return known if 1 < known.nunique() <= MOST_VALUES else None


def _thirds(numbers: pd.Series) -> pd.Series:
    low, high = (float(f"{value:.3g}") for value in numbers.quantile([1 / 3, 2 / 3]))
    names = [(1, f"≤ {low:g}"), (2, f"{low:g} to {high:g}"), (3, f"> {high:g}")]
    return numbers.map(lambda value: names[(value > low) + (value > high)], na_action="ignore")


def _order(value: Any) -> tuple[int, float, str]:
    if isinstance(value, tuple):
        return (0, value[0], "")
    try:
        return (0, float(value), "")
    except (TypeError, ValueError):
        return (1, 0.0, str(value))


def _text(value: Any) -> str:
    return value[1] if isinstance(value, tuple) else f"{value:g}" if isinstance(value, float) else str(value)


def subgroup_table(found: Sequence[Subgroup]) -> pd.DataFrame:
    """The groups as a table with a row for each."""
    return pd.DataFrame(list(_records(found)))


def _records(found: Sequence[Subgroup]) -> Iterator[dict[str, Any]]:
    for group in found:
        record: dict[str, Any] = {"column": group.column, "value": group.value, "subjects": group.subjects}
        for name, metric in (("auc", group.auc), ("accuracy", group.accuracy)):
            for part in ("value", "low", "high"):
                record[f"{name}_{part}"] = None if metric is None else getattr(metric, part)
        yield record


def subgroup_rows(found: Sequence[Subgroup]) -> dict[str, Any]:
    """Heading, rows and a note for the template."""
    rows = []
    for group in found:
        cells = [(str(group.subjects), f"{group.positives} positive")]
        for metric in (group.auc, group.accuracy):
            cells.append(("-", "too few") if metric is None else (f"{metric.value:.3f}", _interval(metric)))
        rows.append((f"{group.column}: {group.value}", [*cells, ("differs" if group.differs else "", "")]))
    note = (
        f"Groups of fewer than {FEWEST} subjects, or {FEWEST_OF_CLASS} of a class, have no metrics. 'differs': the "
        "interval leaves out the AUC of all subjects; of 20 groups without any difference one is expected to."
    )
    return {"first": "Group", "head": ["Subjects", "AUC", "Accuracy", ""], "rows": rows, "note": note}


def _interval(found: Estimate) -> str:
    return f"{found.low:.2f} to {found.high:.2f}"
