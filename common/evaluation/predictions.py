"""Out-of-fold predictions of any method, as table and as arrays."""

from __future__ import annotations

import itertools
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from ..errors import InputError
from ..feature_table import read_table
from ..fold_files import numbered_files
from .subject_means import subject_means

__all__ = ["Outcome", "majority_baseline", "outcomes_of", "read_predictions"]

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Outcome:
    """Predictions of one method, trained on one fraction of the labels, for all subjects.

    Shapes, for ``S`` seeds, ``n`` subjects sorted by name and ``K`` classes: ``labels`` ``[n]``, ``folds`` and
    ``predictions`` ``[S, n]``, ``probabilities`` ``[S, n, K]``, ``scores`` ``[S, n]`` (``[S, n, K]`` for ``K > 2``).
    """

    name: str
    fraction: float
    seeds: tuple[int, ...]
    subjects: tuple[str, ...]
    folds: np.ndarray
    labels: np.ndarray
    predictions: np.ndarray
    probabilities: np.ndarray
    scores: np.ndarray

    @property
    def num_classes(self) -> int:
        """Number of classes."""
        return self.probabilities.shape[-1]

    @property
    def redealt(self) -> bool:
        """Whether each seed has different folds."""
        return bool((self.folds != self.folds[0]).any())


def read_predictions(source: str | Path | Mapping[float, str | Path], name: str) -> pd.DataFrame:
    """Read a method's predictions.

    Args:
        source: path of a CSV file with ``subject, label, prediction`` (indices of classes),
            ``probability_0, probability_1, ...``, and optionally ``fold``, ``fraction``, ``seed``, ``score`` (for
            several classes ``score_0, ...``) and ``row``, which distinguishes images of a subject. A path with
            ``{fold}`` and ``{seed}`` names one file per fold and seed. A mapping has one path per label fraction.
        name: name of the method; a column ``set`` in the file, for several methods, takes precedence.

    Returns:
        One row per image, seed and fraction, with the columns above and ``set``.

    Raises:
        InputError: a file or column is missing, or a value is invalid.
    """
    if isinstance(source, Mapping):
        parts = [read_predictions(path, name).assign(fraction=float(fraction)) for fraction, path in source.items()]
        return pd.concat(parts, ignore_index=True)
    tables = []
    for (seed, fold), path in numbered_files(source).items():
        known = {column: number for column, number in (("seed", seed), ("fold", fold)) if number is not None}
        tables.append(read_table(path, text_columns=("subject", "session", "set", "missing")).assign(**known))
    table = pd.concat(tables, ignore_index=True)
    for column, default in {"set": name, "fold": 0, "fraction": 1.0, "seed": 0}.items():
        table[column] = table[column].fillna(default) if column in table.columns else default
    _check(table, str(source))
    unlabelled = table["label"].isna()
    if unlabelled.any():
        logger.warning("%s: %d rows without a label are left out", source, int(unlabelled.sum()))
    return table[~unlabelled].astype({"label": int, "prediction": int, "fold": int, "seed": int})


def outcomes_of(predictions: pd.DataFrame, positive: int = 1) -> list[Outcome]:
    """One outcome per method (column ``set``) and label fraction, in the order of the table.

    Several images of a subject are combined by :func:`~common.evaluation.subject_means.subject_means`.

    Args:
        predictions: result of :func:`read_predictions`.
        positive: index of the positive class of two, whose probability is the default score.

    Raises:
        InputError: methods differ in their subjects or in a subject's label, or an image occurs twice.
    """
    _check_twice(predictions)
    found: list[Outcome] = []
    for (name, fraction), rows in subject_means(predictions).groupby(["set", "fraction"], sort=False):
        found.append(_outcome(str(name), float(fraction), rows, positive))
        first, last = found[0], found[-1]
        where = f"predictions of {last.name} at fraction {last.fraction:g}"
        if differing := sorted(set(first.subjects) ^ set(last.subjects)):
            shown = ", ".join(differing[:10]) + (" ..." if len(differing) > 10 else "")
            raise InputError(f"{where}: {len(differing)} subjects are not also those of {first.name}: {shown}")
        if (first.labels != last.labels).any():
            subject = first.subjects[int(np.argmax(first.labels != last.labels))]
            raise InputError(f"{where}: the label of {subject} differs from that of {first.name}; expected the same")
    return found


def majority_baseline(like: Outcome) -> Outcome:
    """Predictions of the training set's most frequent class, with its class frequencies as probabilities."""
    classes = np.eye(like.num_classes)[like.labels]
    folds = like.folds if like.redealt else like.folds[:1]
    predictions, probabilities = np.zeros_like(folds), np.zeros((*folds.shape, like.num_classes))
    several = len(np.unique(like.folds)) > 1  # a single fold is a separate test set, with an unknown training set
    for seed, fold in itertools.product(range(len(folds)), np.unique(folds)):
        held_out = folds[seed] == fold
        frequencies = classes[~held_out | (not several)].mean(0)
        predictions[seed, held_out] = frequencies.argmax()
        probabilities[seed, held_out] = frequencies
    constant = np.zeros_like(like.scores[: len(folds)])
    seeds = like.seeds[: len(folds)]
    return Outcome(
        "Majority class", like.fraction, seeds, like.subjects, folds, like.labels, predictions, probabilities, constant
    )


def _outcome(name: str, fraction: float, rows: pd.DataFrame, positive: int) -> Outcome:
    columns = _probability_columns(rows)
    seeds = sorted(rows["seed"].unique())
    rows = rows.sort_values(["seed", "subject"])
    by_seed = [part for _, part in rows.groupby("seed")]
    if len({tuple(part["subject"]) for part in by_seed}) > 1:
        raise InputError(f"predictions of {name} at fraction {fraction:g}: seeds differ in their subjects")
    labels = rows["label"].to_numpy().reshape(len(seeds), -1)
    if (labels != labels[0]).any():
        subject = by_seed[0]["subject"].iloc[int((labels != labels[0]).any(0).argmax())]
        raise InputError(f"predictions of {name} at fraction {fraction:g}: seeds differ in the label of {subject}")
    if len(columns) == 2:
        scores = rows["score"] if "score" in rows and rows["score"].notna().all() else rows[columns[positive]]
        shape: tuple[int, ...] = (len(seeds), -1)
    else:
        named = [f"score_{index}" for index in range(len(columns))]
        scores = rows[named] if set(named) <= set(rows) and rows[named].notna().all(axis=None) else rows[columns]
        shape = (len(seeds), len(by_seed[0]), len(columns))
    return Outcome(
        name,
        fraction,
        tuple(int(seed) for seed in seeds),
        tuple(by_seed[0]["subject"]),
        rows["fold"].to_numpy().reshape(len(seeds), -1),
        labels[0],
        rows["prediction"].to_numpy().reshape(len(seeds), -1),
        rows[columns].to_numpy(dtype=float).reshape(len(seeds), -1, len(columns)),
        scores.to_numpy(dtype=float).reshape(shape),
    )


def _check_twice(predictions: pd.DataFrame) -> None:
    """Check that each image, or without ``row`` each subject, occurs once."""
    keys = ["set", "fraction", "seed", "subject", *(["row"] if "row" in predictions else [])]
    twice = predictions[predictions.duplicated(keys)]
    if not twice.empty:
        name, fraction = twice.iloc[0][["set", "fraction"]]
        listed = ", ".join(sorted(twice.loc[twice["set"] == name, "subject"].unique())[:10])
        what = "image" if "row" in predictions else "subject (several images of one need a column row)"
        raise InputError(f"predictions of {name} at fraction {fraction:g}: more than one per {what}: {listed}")


def _probability_columns(table: pd.DataFrame) -> list[str]:
    found = {f"probability_{index}" for index in range(len(table.columns))} & set(table.columns)
    return [f"probability_{index}" for index in range(len(found))]


def _check(table: pd.DataFrame, source: str) -> None:
    missing = [column for column in ("label", "prediction", "probability_0", "probability_1") if column not in table]
    if missing:
        raise InputError(
            f"{source}: no column {', '.join(missing)}; expected subject, label, prediction, probability_*"
        )
    columns = _probability_columns(table)
    probabilities = table[columns].to_numpy(dtype=float)
    problems = []
    for column in ("label", "prediction"):
        wrong = table[column].notna() & ~table[column].isin(range(len(columns)))
        problems += [
            f"subject {row.subject}: {column} is {getattr(row, column)}; expected an index below {len(columns)}"
            for row in table[wrong].itertuples()
        ]
    wrong = ~(np.isclose(probabilities.sum(1), 1, atol=1e-3) & (probabilities >= 0).all(1))
    problems += [f"subject {subject}: probabilities do not add up to 1" for subject in table["subject"][wrong]]
    if problems:
        raise InputError.of_rows(source, problems)
