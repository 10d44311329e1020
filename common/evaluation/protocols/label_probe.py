"""A linear classifier of features for few labels: linear evaluation, and the radiomics method."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold

from ...errors import InputError
from ...feature_table import columns_of_numbers, feature_columns, read_table
from ...radiomics.scaling import FittedScaling, scaling_pipeline
from ..subject_splits import SubjectSplits
from .classifier import constant

__all__ = ["C_GRID", "fit_few_labels", "predict_held_out"]

logger = logging.getLogger(__name__)

#: Penalties to choose from, ours: those of ``linear_probe.yaml``.
C_GRID = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)


def predict_held_out(
    table: str | Path,
    rows: Sequence[Mapping[str, Any]],
    fold: int,
    *,
    fraction: float = 1.0,
    label_seed: int = 0,
    number: str | None = None,
    max_correlation: float | None = None,
    max_deviation: float | None = 3.0,
    scaling: str | Path | None = None,
) -> pd.DataFrame:
    """Fit on a part of the labels of all other folds, and predict ``fold``.

    All images of a subject are used for training or predicted; a report uses the subject's mean, see
    :func:`~common.evaluation.subject_means.subject_means`.

    Args:
        table: feature table, see :func:`~common.feature_table.read_table`; with a row for each image if it has a column
            ``row``, or else for each subject.
        rows: rows of the datalist, each with ``subject``, ``fold`` and ``label``, and ``row``, its index in the
            section, if the table has it; see :func:`~common.data.load_datalist`.
        fold: held-out fold.
        fraction: part of the labels, see :func:`~common.data.keep_label_fraction`.
        label_seed: random seed for the choice of that part.
        number: the only feature to use, see :func:`~common.feature_table.columns_of_numbers`; ``None`` for all.
        max_correlation: largest allowed correlation, see :class:`~common.radiomics.scaling.CorrelationFilter`.
        max_deviation: standard deviations from the mean at which scaled features are cut, those of the labelled images
            too (**ours**): on few images some features hardly vary, and one that is far away elsewhere would decide
            alone. ``None`` keeps them.
        scaling: JSON file for the fitted scaling, not written where every feature is constant.

    Returns:
        ``subject, row, fold, label, prediction, probability_0, ..., z_score_0, ..., c``; the last is the penalty. The
        z-scores are those of the logits among all images of the other folds, whether their labels were used or not.

    Raises:
        InputError: the table lacks images, features or the number, has duplicates or infinite values, or too few labels
            are left.
    """
    from ...data import keep_label_fraction

    images, features = _features(table, rows, number)
    training = [row for row in images.reset_index(names="image").to_dict("records") if row["fold"] != fold]
    kept = [row["image"] for row in keep_label_fraction(training, fraction, label_seed)]
    known, labels = features.loc[kept], images.loc[kept, "label"].to_numpy()
    if constant(known.to_numpy()):
        logger.warning(
            f"{table}: {number or 'every feature'} is constant over {len(labels)} labelled images; all are predicted "
            "alike"
        )
        scaled, everyone = (np.zeros((len(part), 1)) for part in (known, features))
    else:
        pipeline = scaling_pipeline(max_correlation)
        scaled = pipeline.fit_transform(known.to_numpy())
        fitted = FittedScaling.of(pipeline, list(features.columns))
        everyone = fitted.transform(features)
        if scaling is not None:
            fitted.save(scaling)
    if max_deviation is not None:
        scaled, everyone = (np.clip(part, -max_deviation, max_deviation) for part in (scaled, everyone))
    classifier = fit_few_labels(scaled, labels, images.loc[kept, "subject"].to_numpy(), seed=label_seed)
    unseen = (images["fold"] == fold).to_numpy()
    probabilities = classifier.predict_proba(everyone[unseen])
    z_scores = _z_scores(classifier.decision_function(everyone), ~unseen)[unseen]
    columns = {f"probability_{column}": values for column, values in enumerate(probabilities.T)}
    columns |= {f"z_score_{column}": values for column, values in enumerate(z_scores.T)}
    found = images[unseen].reset_index(drop=True)
    return found.assign(prediction=probabilities.argmax(1), **columns, c=classifier.C)


def fit_few_labels(
    features: np.ndarray, labels: np.ndarray, subjects: np.ndarray, *, c_grid: Sequence[float] = C_GRID, seed: int = 0
) -> LogisticRegression:
    """Logistic regression with classes weighted by inverse frequency and a penalty chosen by log loss.

    A fifth of a twentieth of a cohort is a handful of subjects, too few for the choice of the penalty in
    :func:`~common.evaluation.fit_probe`; here every labelled subject is held out once, in as many folds as the smallest
    class has subjects, at most five (**ours**). If a class has one subject, the middle of the grid is used.

    Args:
        features: scaled features, shape ``[n, d]``.
        labels: classes ``0..K-1``, shape ``[n]``.
        subjects: subject of each row, shape ``[n]``; rows of a subject are held out together.
        c_grid: penalties to choose from.
        seed: random seed for the folds.

    Raises:
        InputError: a class has no subject.
    """
    if features.shape[1] > len(features):  # the penalty sees no rotation: fit in the space that the images span
        axes, coordinates = np.linalg.qr(features.T)
        found = fit_few_labels(coordinates.T, labels, subjects, c_grid=c_grid, seed=seed)
        found.coef_, found.n_features_in_ = found.coef_ @ axes.T, features.shape[1]
        return found
    subject_splits = SubjectSplits(labels, subjects)
    counts = subject_splits.counts
    if len(counts) < 2 or counts.min() < 1:
        raise InputError(f"linear probe: {counts.tolist()} labelled subjects per class; expected one or more of each")
    grid = sorted(c_grid)
    classifier = LogisticRegression(C=grid[(len(grid) - 1) // 2], class_weight="balanced", max_iter=10_000)
    if counts.min() < 2:
        return classifier.fit(features, labels)
    splits = subject_splits.of(StratifiedKFold(min(5, int(counts.min())), shuffle=True, random_state=seed))
    search = GridSearchCV(classifier, {"C": grid}, scoring="neg_log_loss", cv=splits)
    return search.fit(features, labels).best_estimator_


def _z_scores(decisions: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Logits ``[n, K]`` of decisions, ``[n]`` for two classes, standardised by known ones' mean and deviation."""
    logits = np.stack([-decisions, decisions], axis=1) if decisions.ndim == 1 else decisions
    logits = logits - logits.mean(1, keepdims=True)
    logits -= logits[known].mean(0)
    deviation = np.sqrt(np.square(logits[known]).mean())  # of all classes together, whose differences thus remain
    return logits / deviation if deviation else logits


def _features(
    path: str | Path, rows: Sequence[Mapping[str, Any]], number: str | None
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The labelled images, ``subject, fold, label`` and if known ``row``, and their features, in the datalist's order.

    Without a column ``row`` the table has subjects, whose first datalist rows determine fold and label.
    """
    table = read_table(path)
    keys = ["subject", "row"] if "row" in table else ["subject"]
    if not (names := feature_columns(table) if number is None else columns_of_numbers(table, [number], path)):
        raise InputError(f"{path}: no feature; expected columns beside subject, fold and label")
    if twice := sorted(table.loc[table.duplicated(keys), "subject"].unique()):
        raise InputError(f"{path}: {', '.join(twice[:10])} listed twice; expected one line for each {keys[-1]}")
    images = pd.DataFrame([{**row, "subject": str(row["subject"])} for row in rows])[[*keys, "fold", "label"]]
    images = images.drop_duplicates(keys, ignore_index=True)
    features = images[keys].merge(table[[*keys, *names]], on=keys, how="left", indicator=True)
    if absent := sorted(images.loc[(features.pop("_merge") == "left_only").to_numpy(), "subject"]):
        shown = ", ".join(absent[:10]) + (" ..." if len(absent) > 10 else "")
        of = "images, of" if "row" in keys else "subjects:"
        raise InputError(f"{path}: lacks {len(absent)} of {len(images)} labelled {of} {shown}; extract them again")
    if infinite := [name for name in names if np.isinf(features[name]).any()]:
        raise InputError(f"{path}: infinite values in {', '.join(infinite[:5])}; expected finite ones")
    return images, features[names]
