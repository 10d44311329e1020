"""What the engine leaves to PyRadiomics itself; this module imports it, and with it SimpleITK, which takes 90 MB."""

# names of PyRadiomics' methods
# flake8: noqa: N802

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any

import numpy as np
import SimpleITK as sitk  # noqa: N813
from radiomics import getFeatureClasses, imageoperations
from radiomics.base import RadiomicsFeaturesBase

from ..images.volume import Volume
from .filters import Source
from .grey_levels import GreyLevels
from .settings import RadiomicsSettings

__all__ = ["class_features", "filtered", "one_itk_thread", "prepared", "resegmented", "shape_in_one_slice"]


@contextmanager
def one_itk_thread() -> Iterator[None]:
    """One thread for ITK, as cases run in parallel."""
    threads = sitk.ProcessObject.GetGlobalDefaultNumberOfThreads()
    sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(1)
    try:
        yield
    finally:
        sitk.ProcessObject.SetGlobalDefaultNumberOfThreads(threads)


@one_itk_thread()
def prepared(image: Volume, mask: Volume, settings: RadiomicsSettings) -> tuple[Volume, Volume]:
    """Image and mask, normalised, resampled or cropped as ``settings`` say."""
    found = settings.extractor().loadImage(image.to_itk(), mask.to_itk(), None, **settings.setting)
    return Volume.of(found[0]), Volume.of(found[1])


def resegmented(image: np.ndarray, lesion: np.ndarray, args: Mapping[str, Any]) -> np.ndarray:
    """The part of a lesion whose intensities are in ``resegmentRange``.

    Raises:
        ValueError: no voxels are left, or one.
    """
    mask = sitk.GetImageFromArray(lesion.astype(np.uint8) * args["label"])
    found = imageoperations.resegmentMask(sitk.GetImageFromArray(image), mask, **args)
    return sitk.GetArrayFromImage(found) == args["label"]


def shape_in_one_slice(lesion: Volume, wanted: Sequence[str] | None, args: Mapping[str, Any]) -> dict[str, float]:
    """Features of ``shape2D`` of a lesion in one slice of a volume, with ``force2D``.

    Raises:
        ValueError: the lesion is in several slices.
    """
    from radiomics.featureextractor import RadiomicsFeatureExtractor

    extractor = RadiomicsFeatureExtractor()
    extractor.enabledFeatures = {"shape2D": wanted}
    labels = lesion.with_values(lesion.values.astype(np.uint8) * args["label"])
    mask, bounds = labels.to_itk(), np.array([[0, length - 1] for length in lesion.size]).ravel()
    return {name: float(value) for name, value in extractor.computeShape(mask, mask, bounds, **args).items()}


@one_itk_thread()
def _filtered(image_type: str, image: sitk.Image, mask: sitk.Image, args: Mapping[str, Any]) -> list:
    return list(getattr(imageoperations, f"get{image_type}Image")(image, mask, **args))


def filtered(
    image_type: str, source: Source, lesion: np.ndarray, args: Mapping[str, Any]
) -> Iterator[tuple[str, np.ndarray]]:
    """Images of a type that is not in :data:`.filters.FILTERS`, from the whole image.

    Args:
        image_type: name as in a parameter file.
        source: whole image, and the box around the lesion.
        lesion: the lesion in its box, boolean.
        args: all settings, including those of the type.

    Yields:
        Name of an image, and its values in the box.
    """
    whole = np.zeros(source.image.values.shape, dtype=np.uint32)
    whole[source.box.slices] = lesion * args["label"]
    mask = source.image.with_values(whole).to_itk()
    with warnings.catch_warnings():  # a missing package, and LBP's doubts about floats, would be logged for each case
        warnings.simplefilter("ignore")
        logging.getLogger("radiomics").setLevel(logging.CRITICAL)
        images = _filtered(image_type, source.image.to_itk(), mask, args)
    for image, name, _ in images:
        yield name, sitk.GetArrayFromImage(image)[source.box.slices]


class SharedLevels(RadiomicsFeaturesBase):
    """Uses the grey levels in the setting ``grey_levels``, where a class of PyRadiomics would compute its own."""

    def _initSegmentBasedCalculation(self) -> None:
        self.maskArray = self.settings["grey_levels"].neighbourhood.mask

    def _applyBinning(self, matrix: np.ndarray) -> np.ndarray:
        levels: GreyLevels = self.settings["grey_levels"]
        self.coefficients.update(grayLevels=levels.present, Ng=levels.number)
        return levels.matrix

    @classmethod
    @cache
    def getFeatureNames(cls) -> dict[str, bool]:
        return super().getFeatureNames()


@cache
def _feature_class(name: str) -> type[RadiomicsFeaturesBase]:
    """PyRadiomics' class ``name``, e.g. ``glszm``, with shared grey levels."""
    stock = getFeatureClasses()[name]
    return type(stock.__name__, (SharedLevels, stock), {"__module__": stock.__module__})  # also its logger's name


def class_features(
    name: str, image: np.ndarray, spacing: Sequence[float], wanted: Sequence[str] | None, args: Mapping[str, Any]
) -> dict[str, float]:
    """Features of one class by PyRadiomics' own code, with arguments as in :func:`.texture.class_features`."""
    levels: GreyLevels = args["grey_levels"]
    inputs = [image, levels.neighbourhood.mask.astype(np.uint8) * args["label"]]
    measure = _feature_class(name)(*(Volume.of_array(values, spacing).to_itk() for values in inputs), **args)
    for feature in wanted or []:
        measure.enableFeatureByName(feature)
    return {feature: float(value) for feature, value in measure.execute().items()}
