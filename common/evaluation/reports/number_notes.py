"""How well single numbers of a lesion separate two classes, without a classifier."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import numpy as np

from ...feature_table import feature_columns, read_table
from ..statistics.metrics import Estimate, classification_metrics

__all__ = ["number_notes"]

SHOWN = 3


def number_notes(path: str | Path, name: str, folds: Collection[int], resamples: int = 2000) -> list[str]:
    """A sentence with the AUC of the best single numbers, or none if there are not two classes.

    The direction of each number is the better one, and the best of all numbers are shown, so chance is above 0.5,
    the more so the fewer the subjects: the sentence has the mean of the best with shuffled labels.

    Args:
        path: table of a few numbers, such as that of :func:`~common.radiomics.write_outline_table`.
        name: name of the row.
        folds: folds whose subjects are judged.
        resamples: number of bootstrap samples of the subjects.
    """
    table = read_table(path)
    table = table[table["fold"].isin(list(folds)) & table["label"].notna()]
    subjects = table.groupby("subject", sort=False)
    labels = subjects["label"].first().to_numpy(dtype=int)
    if set(labels) != {0, 1}:
        return []
    numbers = subjects[feature_columns(table)].mean()
    numbers = numbers.dropna(axis=1, how="all")  # a modality that all of these subjects lack
    if numbers.empty:
        return []
    numbers = numbers.fillna(numbers.median())
    found = {number: _auc(labels, numbers[number].to_numpy(dtype=float), resamples) for number in numbers}
    best = sorted(found, key=lambda number: -found[number].value)[:SHOWN]
    shown = (f"{number.split('_', 1)[-1]} {_text(found[number])}" for number in best)
    return [
        f"{name}: one number alone, without training, has an AUC of {', '.join(shown)}. These are the best of "
        f"{len(found)}, chosen with their directions on the same subjects: with shuffled labels the best has "
        f"{_best_by_chance(labels, numbers.rank().to_numpy()):.2f} on average, not 0.5."
    ]


def _best_by_chance(labels: np.ndarray, ranks: np.ndarray, shuffles: int = 500) -> float:
    """Mean AUC of the best number in its better direction where labels say nothing.

    Args:
        labels: 0 or 1 of each subject.
        ranks: ranks of the subjects in each number, ties shared, shape ``[subjects, numbers]``.
        shuffles: number of permutations of the labels.
    """
    shuffled = np.random.default_rng(0).permuted(np.tile(labels, (shuffles, 1)), axis=1)
    ones, zeros = labels.sum(), (1 - labels).sum()
    areas = (shuffled @ ranks - ones * (ones + 1) / 2) / (ones * zeros)  # Mann-Whitney
    return float(np.maximum(areas, 1 - areas).max(axis=1).mean())


def _auc(labels: np.ndarray, numbers: np.ndarray, resamples: int) -> Estimate:
    up, down = (
        classification_metrics(labels, labels, np.eye(2)[labels], sign * numbers, resamples=resamples)["auc"]
        for sign in (1.0, -1.0)
    )
    return max(up, down, key=lambda estimate: estimate.value)


def _text(estimate: Estimate) -> str:
    return f"{estimate.value:.3f} ({estimate.low:.3f}-{estimate.high:.3f})"
