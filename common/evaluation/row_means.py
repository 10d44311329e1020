"""The mean of several methods' predictions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd
from scipy.special import softmax

from ..errors import InputError
from .predictions import read_predictions

__all__ = ["mean_of_rows"]


def mean_of_rows(paths: Sequence[str | Path], z_scores: bool = False) -> pd.DataFrame:
    """Mean of the methods' class probabilities of each image, or of each subject if a method has no other.

    With few labels a linear classifier's penalty may be so strong that all its probabilities are nearly alike, and
    hardly count in a mean with those of a classifier whose penalty is weak. In the mean of z-scores each method counts
    alike (**ours**); its softmax ranks subjects well, but is not calibrated.

    Args:
        paths: prediction files of the methods for one fold, see :func:`~common.evaluation.read_predictions`.
        z_scores: whether to take the softmax of the mean of the columns ``z_score_0, ...`` of linear classifiers, see
            :func:`~common.evaluation.protocols.label_probe.predict_held_out`.

    Returns:
        ``subject``, ``row`` if all methods have it, ``fold, label, prediction, probability_0, ...``

    Raises:
        InputError: a method lacks images that another one has, or z-scores.
    """
    tables = [read_predictions(path, "") for path in paths]
    keys = ["subject", *(["row"] if all("row" in table for table in tables) else [])]
    probabilities = [column for column in tables[0] if column.startswith("probability_")]
    values = [column.replace("probability", "z_score") for column in probabilities] if z_scores else probabilities
    if lacking := [str(path) for path, table in zip(paths, tables, strict=True) if not {*values} <= {*table}]:
        raise InputError(
            f"{lacking[0]}: found no columns {', '.join(values)}, expected those of a linear classifier; an earlier "
            "version wrote the file: set another output_dir"
        )
    means = [table.groupby(keys, sort=False)[values].mean() for table in tables]
    for path, mean in zip(paths[1:], means[1:], strict=True):
        if odd := sorted({str(key) for key in mean.index.symmetric_difference(means[0].index)}):
            raise InputError(f"{path}: {len(odd)} images are not also those of {paths[0]}: {', '.join(odd[:10])}")
    found = tables[0].groupby(keys, sort=False)[["fold", "label"]].first()
    mean = sum(means[1:], start=means[0]).loc[found.index] / len(means)
    found[probabilities] = softmax(mean, axis=1) if z_scores else mean
    found.insert(2, "prediction", found[probabilities].to_numpy().argmax(1))
    return found.reset_index()
