"""Segmentation of structures that every image has, judged by the overlap of each."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.metrics import f1_score

from ...errors import InputError

__all__ = ["structure_metrics"]


def structure_metrics(prediction: Any, truth: Any, num_classes: int) -> dict[str, float]:
    """Dice coefficient of each label of one image, and their mean.

    With the voxels ``A`` that are predicted to have a label and those ``R`` that have it, the coefficient is
    ``2 |A and R| / (|A| + |R|)``; a label that neither has counts as 1.

    Args:
        prediction: label map as array or tensor of any number of axes in space, such as ``HxWxD``.
        truth: label map of the same shape.
        num_classes: number of labels, with the background, 0, which is not judged.

    Returns:
        ``dice``, the mean, and ``dice_1``, ``dice_2``, ... of the labels.

    Raises:
        InputError: when the shapes differ.

    Example:
        >>> structure_metrics([[0, 1, 1, 2]], [[0, 1, 2, 2]], num_classes=3)
        {'dice': 0.6666666666666666, 'dice_1': 0.6666666666666666, 'dice_2': 0.6666666666666666}
    """
    predicted, true = np.asarray(prediction), np.asarray(truth)
    if predicted.shape != true.shape:
        raise InputError(f"prediction: found shape {predicted.shape}, expected {true.shape} as the truth; resample it")
    labels = list(range(1, num_classes))
    # the F1 score of voxels is the Dice coefficient
    options: dict[str, Any] = {"labels": labels, "average": None, "zero_division": 1.0}
    scores = f1_score(true.ravel(), predicted.ravel(), **options)
    return {"dice": float(np.mean(scores)), **{f"dice_{k}": float(v) for k, v in zip(labels, scores, strict=True)}}
