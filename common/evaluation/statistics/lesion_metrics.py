"""Metrics for segmentation of many small lesions, by voxel and by lesion (ISBI 2015, Carass et al. 2017)."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import ndimage

from ...errors import InputError

__all__ = ["LESION_METRIC_NAMES", "lesion_metrics"]

# Names in tables, and whether more is better.
LESION_METRIC_NAMES = {"dsc": "DSC", "ppv": "PPV", "ltpr": "LTPR", "lfpr": "LFPR (lower is better)"}


def lesion_metrics(prediction: Any, truth: Any, connectivity: int = 2) -> dict[str, float]:
    """DSC, PPV, LTPR and LFPR of one image.

    With the predicted voxels ``A``, the true voxels ``R``, and a lesion as a connected component of either (Carass et
    al. 2017, section 2.4):

    - ``dsc``: ``2 |A and R| / (|A| + |R|)``, the overlap;
    - ``ppv``: ``|A and R| / |A|``, the share of predicted voxels that are true;
    - ``ltpr``, the share of true lesions that a predicted voxel touches;
    - ``lfpr``, the share of predicted lesions without any true voxel; lower is better.

    Where a denominator is 0 (ours): without any true or predicted lesion, the values are perfect (1, 1, 1, 0). An empty
    prediction for an image with lesions has a PPV of 0 and an LFPR of 0, since no predicted lesion is false. Predicted
    lesions in an image without any give a DSC and PPV of 0 and an LFPR of 1; the LTPR is NaN, so that the image is left
    out.

    Args:
        prediction: array or tensor with any number of spatial axes, such as ``HxWxD``; all values but 0 are lesion.
        truth: ground truth of the same shape.
        connectivity: connectivity of lesions, 1 for neighbours that share a face (6 in 3D), 2 for an edge too (18, as
            in the challenge), 3 for a corner too (26).

    Returns:
        The four values by name.

    Raises:
        InputError: the shapes differ, or ``connectivity`` exceeds the number of axes.

    Example:
        >>> lesion_metrics([[1, 1, 0, 0, 1]], [[1, 0, 0, 0, 0]])
        {'dsc': 0.5, 'ppv': 0.3333333333333333, 'ltpr': 1.0, 'lfpr': 0.5}
    """
    predicted, true = (np.asarray(mask) != 0 for mask in (prediction, truth))
    if predicted.shape != true.shape:
        raise InputError(f"prediction: found shape {predicted.shape}, expected {true.shape} as the truth; resample it")
    if connectivity not in range(1, true.ndim + 1):
        raise InputError(f"connectivity: found {connectivity!r}, expected 1 to {true.ndim}, the axes; change it")
    boxes = ndimage.find_objects((predicted | true).astype(np.uint8))
    if not boxes:
        return {"dsc": 1.0, "ppv": 1.0, "ltpr": 1.0, "lfpr": 0.0}
    predicted, true = predicted[boxes[0]], true[boxes[0]]  # the rest of the head costs seconds to label
    overlap = predicted & true
    hits, voxels, true_voxels = (int(np.count_nonzero(mask)) for mask in (overlap, predicted, true))
    found, lesions = _count_touched(true, overlap, connectivity)
    confirmed, predictions = _count_touched(predicted, overlap, connectivity)
    return {
        "dsc": 2 * hits / (voxels + true_voxels),
        "ppv": hits / voxels if voxels else 0.0,
        "ltpr": found / lesions if lesions else float("nan"),
        "lfpr": (predictions - confirmed) / predictions if predictions else 0.0,
    }


def _count_touched(mask: np.ndarray, overlap: np.ndarray, connectivity: int) -> tuple[int, int]:
    """Number of components of ``mask`` with a voxel of ``overlap``, and number of all components."""
    labels, count = ndimage.label(mask, ndimage.generate_binary_structure(mask.ndim, connectivity))
    return len(np.unique(labels[overlap])), count
