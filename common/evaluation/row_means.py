"""The mean of several methods' predictions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from ..errors import InputError
from .predictions import read_predictions

__all__ = ["mean_of_rows"]


def mean_of_rows(paths: Sequence[str | Path]) -> pd.DataFrame:
    """Mean of the methods' class probabilities of each image, or of each subject if a method has no other.

    Args:
        paths: prediction files of the methods for one fold, see :func:`~common.evaluation.read_predictions`.

    Returns:
        ``subject``, ``row`` if all methods have it, ``fold, label, prediction, probability_0, ...``

    Raises:
        InputError: a method lacks images that another one has.
    """
    tables = [read_predictions(path, "") for path in paths]
    keys = ["subject", *(["row"] if all("row" in table for table in tables) else [])]
    values = [column for column in tables[0] if column.startswith("probability_")]
    means = [table.groupby(keys, sort=False)[values].mean() for table in tables]
    for path, mean in zip(paths[1:], means[1:], strict=True):
        if odd := sorted({str(key) for key in mean.index.symmetric_difference(means[0].index)}):
            raise InputError(f"{path}: {len(odd)} images are not also those of {paths[0]}: {', '.join(odd[:10])}")
    found = tables[0].groupby(keys, sort=False)[["fold", "label"]].first()
    found[values] = sum(means[1:], start=means[0]) / len(means)  # by index
    found.insert(2, "prediction", found[values].to_numpy().argmax(1))
    return found.reset_index()
