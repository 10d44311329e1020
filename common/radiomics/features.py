"""Radiomic features of one lesion, which is measured only when the values will mean something."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from threadpoolctl import threadpool_limits

from ..images.itk_volumes import as_plane, read_mask, read_volume
from .engine import Measured, measure_lesion
from .lesion import check_finite, check_levels, lesion_mask
from .schema import feature_names
from .settings import RadiomicsSettings

__all__ = ["extract_features", "measure_features", "one_thread"]

logger = logging.getLogger(__name__)


def extract_features(
    image: str | Path | sitk.Image,
    mask: str | Path | sitk.Image,
    settings: RadiomicsSettings | str | Path | Mapping[str, Any] | None = None,
    *,
    channel: int = 0,
) -> dict[str, float]:
    """Features of one lesion; with the default settings the 107 of PyRadiomics.

    Values are those of PyRadiomics on the whole image, by its own classes, with filters some 15 times as fast in a CT
    (``scripts/benchmark.py radiomics``). What it would measure wrongly without a word is refused first: not finite, one
    grey level or thousands, a few voxels, another grid. An image of one slice is measured in 2D, with ``shape2D``.

    Args:
        image: a scalar volume or plane, its file, or a folder with a DICOM series; in scanner units.
        mask: the label map, its file, or a DICOM segmentation; on the image's grid.
        settings: see :meth:`RadiomicsSettings.load`.
        channel: index of the modality where the file ``image`` holds several.

    Returns:
        Feature names such as ``original_firstorder_Mean`` and values; NaN where there is none, and the log tells why.

    Raises:
        InputError: the image, the mask or the lesion is not fit to be measured; one line says why.

    Example:
        >>> features = extract_features("flair.nii.gz", "seg.nii.gz", {"setting": {"binWidth": 10}})
        >>> len(features)
        107
    """
    measured = measure_features(image, mask, settings, channel=channel)
    for name, reason in measured.problems.items():
        logger.warning("radiomics: %s: %s", name, reason)
    return measured.features


def measure_features(
    image: str | Path | sitk.Image,
    mask: str | Path | sitk.Image,
    settings: RadiomicsSettings | str | Path | Mapping[str, Any] | None = None,
    *,
    channel: int = 0,
) -> Measured:
    """As :func:`extract_features`, with what went wrong beside the values instead of in the log.

    Returns:
        All features of the schema (:func:`feature_names`), in its order, NaN where a filter failed, and by
        filter the reason.
    """
    settings = RadiomicsSettings.load(settings)
    with one_thread():
        volume, name, labels, mask_name = image, "image", mask, "mask"
        if not isinstance(image, sitk.Image):
            volume, name = read_volume(image, channel), str(image)
        if not isinstance(mask, sitk.Image):
            labels, mask_name = read_mask(mask, volume, settings.mask_label), str(mask)
        volume, labels = as_plane(volume), as_plane(labels)
        settings = settings.for_dimension(volume.GetDimension())
        lesion = lesion_mask(volume, labels, settings, mask_name)
        check_finite(volume, lesion, settings, name)
        if settings.prepares_image:
            volume, lesion = settings.extractor().loadImage(volume, lesion, None, **settings.setting)
        check_levels(volume, lesion, settings, name)
        measured = measure_lesion(volume, lesion, settings)
    names = feature_names(settings, measured.dimension)
    return replace(measured, features={name: measured.features.get(name, np.nan) for name in names})


@contextmanager
def one_thread() -> Iterator[None]:
    """One thread for ITK and BLAS: cases run side by side, and the results are the same on any number of cores."""
    threads = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(threads)
