"""Mean and standard deviation of each modality over a cohort."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import torch

from ..errors import InputError

__all__ = ["ModalityStatistics", "measure_modalities"]


class ModalityStatistics(NamedTuple):
    """Statistics of one modality.

    Attributes:
        mean: mean of all pixels, in the unit of the images.
        std: standard deviation of all pixels, in the same unit.
        num_images: number of measured images.
    """

    mean: float
    std: float
    num_images: int


def measure_modalities(
    samples: Iterable[Mapping[str, Any]], modalities: Sequence[str], foreground: bool = False
) -> dict[str, ModalityStatistics]:
    """Statistics for "standard normalization for each modality" (Chiang et al. 2023, section 2.1), sample by sample.

    Args:
        samples: samples with ``image``, ``M[spatial]``, and, if modalities may be missing, ``missing``, M booleans;
            missing images are ignored.
        modalities: names of the M channels.
        foreground: whether to measure only non-zero pixels, such as the organ of a masked image.

    Returns:
        The statistics by modality, in their order.

    Raises:
        InputError: a modality has no pixels, or all its pixels have the same value.
    """
    from sklearn.preprocessing import StandardScaler  # slow to import, and rarely needed by importers of common.data

    scalers = {name: StandardScaler() for name in modalities}
    counts = dict.fromkeys(modalities, 0)
    for sample in samples:
        missing = sample.get("missing", torch.zeros(len(modalities), dtype=torch.bool))
        for name, image, absent in zip(modalities, sample["image"], missing, strict=True):
            pixels = image[image != 0] if foreground else image.flatten()
            if absent or not len(pixels):
                continue
            scalers[name].partial_fit(pixels.double().numpy()[:, None])
            counts[name] += 1
    empty = [name for name, count in counts.items() if not count]
    if empty:
        raise InputError(f"modalities: {', '.join(empty)}: no image to measure; leave them out of the modalities")
    found = {
        name: ModalityStatistics(scaler.mean_.item(), scaler.var_.item() ** 0.5, counts[name])
        for name, scaler in scalers.items()
    }
    constant = [f"{name} ({value.mean:g})" for name, value in found.items() if value.std == 0]
    if constant:
        raise InputError(f"modalities: {', '.join(constant)}: all pixels have one value; check images and masks")
    return found
