"""One prediction from several images or visits of a subject, since subjects are the units of a cohort."""

from __future__ import annotations

import logging

import numpy as np
import pandas as pd

__all__ = ["subject_means", "subject_notes"]

logger = logging.getLogger(__name__)

RUN = ["set", "fraction", "seed"]


def subject_means(predictions: pd.DataFrame) -> pd.DataFrame:
    """One row for each subject of each method, fraction and seed.

    Images of one subject are no independent samples: a bootstrap, McNemar's or DeLong's test over images would
    overestimate their number. Probabilities and scores of a subject are the means over its images; its predicted class
    is the one on which all images agree, or else the most probable one (**ours**). A subject has the class of its first
    image, as in :func:`~common.data.keep_label_fraction`; images of another class, such as visits after a conversion,
    are left out, and their number is logged.

    Args:
        predictions: result of :func:`~common.evaluation.read_predictions`; a subject's first row, which determines
            fold and class, is the one with the smallest ``row``.

    Returns:
        The same columns; unchanged if each subject has one row.
    """
    keys = [*RUN, "subject"]
    if not predictions.duplicated(keys).any():
        return predictions
    table = predictions.sort_values("row", kind="stable") if "row" in predictions else predictions
    of_first = table.groupby(keys)["label"].transform("first")
    if (other := table["label"] != of_first).any():
        converted = table.loc[other, ["subject", "row"]].drop_duplicates()
        shown = ", ".join(sorted(converted["subject"].unique())[:10])
        logger.warning("%d images of another class than their subject's first are left out: %s", len(converted), shown)
        table = table[~other]
    values = [column for column in table if column.startswith(("probability_", "score"))]
    subjects = table.groupby(keys, sort=False)
    found = subjects.first()
    found[values] = subjects[values].mean()
    likely = found[[f"probability_{index}" for index in range(_count(table))]].to_numpy(dtype=float).argmax(1)
    found["prediction"] = np.where(subjects["prediction"].nunique() == 1, found["prediction"], likely)
    return found.reset_index()[list(table.columns)]


def subject_notes(predictions: pd.DataFrame) -> list[str]:
    """A sentence for the report if subjects have several images, else none."""
    first = predictions[(predictions[RUN] == predictions[RUN].iloc[0]).all(axis=1)]
    counts = first["subject"].value_counts()
    if counts.max() < 2:
        return []
    return [
        f"{int((counts > 1).sum())} of {len(counts)} subjects have several images or visits, {len(first)} in all: a "
        "subject's probability is the mean over them, and every figure and interval is over subjects."
    ]


def _count(table: pd.DataFrame) -> int:
    return sum(column.startswith("probability_") for column in table.columns)
