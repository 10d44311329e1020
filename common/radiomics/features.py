"""Radiomic features of one lesion, after checks that its values will be meaningful."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk  # noqa: N813
from threadpoolctl import ThreadpoolController

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

    The values are those of PyRadiomics on the whole image, by its own classes, with filters some 15 times as fast for a
    CT (``scripts/benchmark.py radiomics``). Lesions that it would silently measure wrongly are refused: values that are
    not finite, one grey level or thousands, few voxels, another grid. An image of one slice is measured in 2D, with
    ``shape2D``.

    Args:
        image: scalar volume or plane, its file, or a folder with a DICOM series; in scanner units.
        mask: label map, its file, or a DICOM segmentation; on the image's grid.
        settings: PyRadiomics parameters, see :meth:`RadiomicsSettings.load`.
        channel: index of the channel if the file ``image`` has several.

    Returns:
        Values by feature name such as ``original_firstorder_Mean``; NaN for missing values, whose reason is logged.

    Raises:
        InputError: the image, the mask or the lesion cannot be measured; one line gives the reason.

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
    """Like :func:`extract_features`, but problems are returned instead of logged.

    Returns:
        All features of the schema (:func:`feature_names`) in its order, NaN where a filter failed, and the reasons by
        filter.
    """
    settings = RadiomicsSettings.load(settings)
    with one_thread():
        name = "image" if isinstance(image, sitk.Image) else str(image)
        mask_name = "mask" if isinstance(mask, sitk.Image) else str(mask)
        volume = image if isinstance(image, sitk.Image) else read_volume(image, channel)
        labels = mask if isinstance(mask, sitk.Image) else read_mask(mask, volume, settings.mask_label)
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
    """One thread for ITK and BLAS: cases run in parallel, and results do not depend on the number of cores."""
    threads = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    try:
        with _libraries().limit(limits=1):
            yield
    finally:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(threads)


@cache
def _libraries() -> ThreadpoolController:
    """The loaded libraries of threads, searched once, which takes some milliseconds."""
    return ThreadpoolController()
