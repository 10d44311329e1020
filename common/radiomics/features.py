"""Radiomic features of one lesion, after checks that its values will be meaningful."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from threadpoolctl import ThreadpoolController

from ..images.read_volume import as_plane, read_mask, read_volume
from ..images.volume import Volume
from .engine import Measured, measure_lesion
from .lesion import check_finite, check_levels, lesion_mask
from .schema import feature_names
from .settings import RadiomicsSettings

if TYPE_CHECKING:
    import SimpleITK as sitk  # noqa: N813

__all__ = ["extract_features", "measure_features", "one_thread"]

logger = logging.getLogger(__name__)


def extract_features(
    image: str | Path | Volume | sitk.Image,
    mask: str | Path | Volume | sitk.Image,
    settings: RadiomicsSettings | str | Path | Mapping[str, Any] | None = None,
    *,
    channel: int | None = None,
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
        channel: index of the channel; ``None``: the file ``image`` must have one.

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
    image: str | Path | Volume | sitk.Image,
    mask: str | Path | Volume | sitk.Image,
    settings: RadiomicsSettings | str | Path | Mapping[str, Any] | None = None,
    *,
    channel: int | None = None,
) -> Measured:
    """Like :func:`extract_features`, but problems are returned instead of logged.

    Returns:
        All features of the schema (:func:`feature_names`) in its order, NaN where a filter failed, and the reasons by
        filter.
    """
    settings = RadiomicsSettings.load(settings)
    with one_thread():
        name = str(image) if isinstance(image, str | Path) else "image"
        mask_name = str(mask) if isinstance(mask, str | Path) else "mask"
        exact = settings.resamples
        volume = read_volume(image, channel, itk_grid=exact) if isinstance(image, str | Path) else Volume.of(image)
        read = partial(read_mask, image=volume, label=settings.mask_label, itk_grid=exact)
        labels = read(mask) if isinstance(mask, str | Path) else Volume.of(mask)
        if volume.dimension != labels.dimension:  # a picture, and a mask of one slice
            volume, labels = as_plane(volume), as_plane(labels)
        lesion = lesion_mask(volume, labels, settings, mask_name)
        volume, lesion = as_plane(volume), as_plane(lesion)  # which have no place in space to compare
        settings = settings.for_dimension(volume.dimension)
        check_finite(volume, lesion, settings, name)
        if settings.prepares_image:
            from .by_pyradiomics import prepared

            volume, lesion = prepared(volume, lesion, settings)
        check_levels(volume, lesion, settings, name)
        measured = measure_lesion(volume, lesion, settings)
    names = feature_names(settings, measured.dimension)
    return replace(measured, features={name: measured.features.get(name, np.nan) for name in names})


@contextmanager
def one_thread() -> Iterator[None]:
    """One thread for BLAS: cases run in parallel, and results do not depend on the number of cores."""
    with _libraries().limit(limits=1):
        yield


@cache
def _libraries() -> ThreadpoolController:
    """The loaded libraries of threads, searched once, which takes some milliseconds."""
    return ThreadpoolController()
