"""Performance of one method by the values of any column of the datalist."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from ...predictions import Outcome
from ...statistics.metrics import Estimate, classification_metrics
from .grouping import columns_of, groups_of, values_of

__all__ = ["Subgroup", "confounders", "judge_groups", "subgroup_rows", "subgroup_table", "subgroups"]

FEWEST = 10  # subjects of a group with metrics
FEWEST_OF_CLASS = 2
DETERMINES = 0.5  # lambda of a column that is reported

Metrics = Callable[[np.ndarray], Mapping[str, Estimate]]


@dataclass(frozen=True)
class Subgroup:
    """Metrics of the subjects with one value of a column.

    Attributes:
        column: name of the column.
        value: value in words.
        subjects: number of subjects.
        metrics: metrics by name, the one that decides first; empty for too few subjects or classes.
        positives: number of subjects of the positive class, ``None`` without classes.
        differs: whether the interval of the first metric leaves out its value of all subjects.
    """

    column: str
    value: str
    subjects: int
    metrics: Mapping[str, Estimate]
    positives: int | None = None
    differs: bool = False

    @property
    def first(self) -> Estimate | None:
        """The metric that decides."""
        return next(iter(self.metrics.values()), None)


def judge_groups(
    metrics_of: Metrics,
    rows: Sequence[Mapping[str, Any]],
    subjects: Sequence[str],
    columns: Sequence[str] | None = None,
    positive: np.ndarray | None = None,
) -> list[Subgroup]:
    """Metrics of each group, see :func:`~common.evaluation.reports.study.grouping.groups_of`.

    Args:
        metrics_of: function of the members of a group, shape ``[n]``, that returns its metrics, or none if it is small.
        rows: rows of the datalist.
        subjects: names of the subjects.
        columns: columns of the rows; default: all that describe patients and have groups.
        positive: whether each subject is of the positive class, shape ``[n]``.
    """
    whole = next(iter(metrics_of(np.ones(len(subjects), dtype=bool)).values()), None)
    found = []
    for group in groups_of(rows, subjects, columns):
        metrics = {} if group.value is None else metrics_of(group.members)
        first = next(iter(metrics.values()), None)
        differs = bool(first and whole and not first.low <= whole.value <= first.high)
        positives = None if positive is None or group.value is None else int(positive[group.members].sum())
        size = int(group.members.sum())
        found.append(Subgroup(group.column, group.value or "unknown", size, metrics, positives, differs))
    return found


def subgroups(
    outcome: Outcome,
    rows: Sequence[Mapping[str, Any]],
    positive: int,
    columns: Sequence[str] | None = None,
    *,
    resamples: int = 1000,
    confidence: float = 0.95,
) -> list[Subgroup]:
    """AUC and accuracy of a classifier in each group.

    Args:
        outcome: predictions of the method.
        rows: rows of the datalist.
        positive: index of the positive class of two.
        columns: columns of the rows; default: all that describe patients and have groups.
        resamples: number of bootstrap resamples over a group's subjects.
        confidence: confidence level of the intervals.
    """

    def metrics_of(members: np.ndarray) -> Mapping[str, Estimate]:
        """Metrics of some subjects."""
        return _metrics(outcome, members, positive, resamples, confidence)

    return judge_groups(metrics_of, rows, outcome.subjects, columns, outcome.labels == positive)


def confounders(classes: Mapping[str, int], rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """A line for each column of texts, such as the centre, that almost determines the class.

    The measure is Goodman and Kruskal's lambda: by how much knowing the column reduces the errors of always naming the
    most frequent class.

    Args:
        classes: class of each subject.
        rows: rows of the datalist.
    """
    table, labels = columns_of(rows, list(classes)), np.array(list(classes.values()))
    found = []
    for name in table.columns:
        values = values_of(table[name])
        if values is None or pd.to_numeric(values, errors="coerce").notna().any() or values.map(type).eq(tuple).any():
            continue
        counts = pd.crosstab(values.fillna("unknown").to_numpy(), labels).to_numpy()
        errors = len(labels) - np.bincount(labels).max()
        share = 1 - (len(labels) - counts.max(1).sum()) / errors if errors else 0.0
        if share >= DETERMINES:
            found.append(
                f"The column {name} almost determines the class (it removes {share:.0%} of the majority's errors): a "
                f"method may recognise the {name} and not the disease; look at its subgroups, and "
                f"test it within each {name}."
            )
    return found


def _metrics(
    outcome: Outcome, members: np.ndarray, positive: int, resamples: int, confidence: float
) -> dict[str, Estimate]:
    labels = outcome.labels[members]
    counts = np.bincount(labels, minlength=outcome.num_classes)
    if len(labels) < FEWEST or counts.min() < FEWEST_OF_CLASS:
        return {}
    metrics = classification_metrics(
        labels,
        outcome.predictions[:, members],
        outcome.probabilities[:, members],
        outcome.scores[:, members],
        positive=positive,
        resamples=resamples,
        confidence=confidence,
    )
    return {name: metrics[name] for name in ("auc", "accuracy")}


def subgroup_table(found: Sequence[Subgroup]) -> pd.DataFrame:
    """The groups as a table with a row for each."""
    return pd.DataFrame(list(_records(found)))


def _records(found: Sequence[Subgroup]) -> Iterator[dict[str, Any]]:
    for group in found:
        record: dict[str, Any] = {"column": group.column, "value": group.value, "subjects": group.subjects}
        for name, metric in group.metrics.items():
            record |= {f"{name}_{part}": getattr(metric, part) for part in ("value", "low", "high")}
        yield record


def subgroup_rows(found: Sequence[Subgroup], titles: Mapping[str, str]) -> dict[str, Any]:
    """Heading, rows and a note for the template.

    Args:
        found: groups.
        titles: headings of the metrics by name, the one that decides first.
    """
    rows = []
    for group in found:
        cells = [(str(group.subjects), "" if group.positives is None else f"{group.positives} positive")]
        for name in titles:
            metric = group.metrics.get(name)
            cells.append(("-", "too few") if metric is None else (f"{metric.value:.3f}", _interval(metric)))
        rows.append((f"{group.column}: {group.value}", [*cells, ("differs" if group.differs else "", "")]))
    of_class = f", or {FEWEST_OF_CLASS} of a class," if any(group.positives is not None for group in found) else ""
    note = (
        f"Groups of fewer than {FEWEST} subjects{of_class} have no metrics. 'differs': the interval leaves out the "
        f"{next(iter(titles.values()))} of all subjects; of 20 groups without any difference one is expected to."
    )
    return {"first": "Group", "head": ["Subjects", *titles.values(), ""], "rows": rows, "note": note}


def _interval(found: Estimate) -> str:
    return f"{found.low:.3f} to {found.high:.3f}"
