"""A linear classifier of features where labels are few: linear evaluation, and the radiomics method beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold

from ..errors import InputError
from ..radiomics.feature_table import feature_columns, read_table
from ..radiomics.scaling import FittedScaling, scaling_pipeline

__all__ = ["C_GRID", "fit_few_labels", "predict_held_out"]

#: Penalties to choose from, ours: those of ``linear_probe.yaml``.
C_GRID = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)


def predict_held_out(
    table: str | Path,
    rows: Sequence[Mapping[str, Any]],
    fold: int,
    *,
    fraction: float = 1.0,
    label_seed: int = 0,
    max_correlation: float | None = None,
    scaling: str | Path | None = None,
) -> pd.DataFrame:
    """Fit on a part of the labels of all other folds, predict ``fold``.

    Where a subject has several rows, such as near duplicates of an image, all of them train and the first is predicted:
    subjects are what is compared.

    Args:
        table: features, see :func:`~common.radiomics.read_table`.
        rows: of the datalist, each with ``subject``, ``fold`` and ``label``.
        fold: held out.
        fraction: part of the labels, see :func:`~common.data.keep_label_fraction`.
        label_seed: of the choice of that part.
        max_correlation: see :class:`~common.radiomics.scaling.CorrelationFilter`.
        scaling: JSON file for the scaling that was fitted.

    Returns:
        ``subject, fold, label, prediction, probability_0, ..., c``; the latter is the penalty.

    Raises:
        InputError: the table lacks subjects or features, has infinite values, or too few labels are left.
    """
    from ..data import keep_label_fraction

    features = _features(table, rows)
    subjects: dict[str, Mapping[str, Any]] = {}
    for row in rows:
        subjects.setdefault(str(row["subject"]), row)
    training = keep_label_fraction([row for row in subjects.values() if row["fold"] != fold], fraction, label_seed)
    held_out = [row for row in subjects.values() if row["fold"] == fold]
    known, unknown = (features.loc[[str(row["subject"]) for row in part]] for part in (training, held_out))
    unknown = unknown[~unknown.index.duplicated()]
    labels = np.array([subjects[subject]["label"] for subject in known.index])
    pipeline = scaling_pipeline(max_correlation)
    try:
        scaled = pipeline.fit_transform(known.to_numpy())
    except ValueError as error:  # no feature is left
        raise InputError(f"{table}: {str(error).splitlines()[0]} ({len(labels)} labelled subjects)") from error
    fitted = FittedScaling.of(pipeline, list(features.columns))
    if scaling is not None:
        fitted.save(scaling)
    classifier = fit_few_labels(scaled, labels, known.index.to_numpy(), seed=label_seed)
    probabilities = classifier.predict_proba(fitted.transform(unknown))
    found = {"subject": list(unknown.index), "fold": fold, "label": [row["label"] for row in held_out]}
    columns = {f"probability_{column}": values for column, values in enumerate(probabilities.T)}
    return pd.DataFrame({**found, "prediction": probabilities.argmax(1), **columns, "c": classifier.C})


def fit_few_labels(
    features: np.ndarray,
    labels: np.ndarray,
    subjects: np.ndarray,
    *,
    c_grid: Sequence[float] = C_GRID,
    seed: int = 0,
) -> LogisticRegression:
    """Logistic regression, classes weighted by their inverse frequency, its penalty chosen by log loss.

    A fifth of a twentieth of a cohort is a handful of subjects, too few to choose by as
    :func:`~common.evaluation.fit_probe` does; here every labelled subject is held out once, in as many folds, at most
    five, as the smallest class has subjects (**ours**). Where a class has one subject the middle of the grid is taken.

    Args:
        features: scaled, shape ``[n, d]``.
        labels: ``0..K-1``, shape ``[n]``.
        subjects: whose rows these are, shape ``[n]``; rows of one are held out together.
        c_grid: penalties to choose from.
        seed: of the folds.

    Raises:
        InputError: a class has no subject.
    """
    names, first = np.unique(subjects, return_index=True)
    classes = labels[first]
    counts = np.bincount(classes)
    if len(counts) < 2 or counts.min() < 1:
        raise InputError(f"linear probe: {counts.tolist()} labelled subjects per class; expected one or more of each")
    grid = sorted(c_grid)
    classifier = LogisticRegression(C=grid[(len(grid) - 1) // 2], class_weight="balanced", max_iter=10_000)
    if counts.min() < 2:
        return classifier.fit(features, labels)
    splitter = StratifiedKFold(min(5, int(counts.min())), shuffle=True, random_state=seed)
    splits = [
        tuple(np.flatnonzero(np.isin(subjects, names[part])) for part in parts)
        for parts in splitter.split(names, classes)
    ]
    search = GridSearchCV(classifier, {"C": grid}, scoring="neg_log_loss", cv=splits)
    return search.fit(features, labels).best_estimator_


def _features(path: str | Path, rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """Features of the subjects of ``rows``."""
    table = read_table(path)
    table = table.set_index("subject")[feature_columns(table)]
    absent = sorted({str(row["subject"]) for row in rows} - set(table.index))
    if absent:
        shown = ", ".join(absent[:10]) + (" ..." if len(absent) > 10 else "")
        raise InputError(f"{path}: lacks {len(absent)} of {len(rows)} labelled subjects: {shown}; extract them again")
    if table.shape[1] == 0:
        raise InputError(f"{path}: no feature; expected columns beside subject, fold and label")
    if infinite := [name for name in table if np.isinf(table[name]).any()]:
        raise InputError(f"{path}: infinite values in {', '.join(infinite[:5])}; expected finite ones")
    return table
