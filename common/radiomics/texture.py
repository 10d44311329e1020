"""PyRadiomics' feature classes on grey levels that are made once for all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import SimpleITK as sitk
from radiomics import getFeatureClasses, imageoperations
from radiomics.base import RadiomicsFeaturesBase

from .cooccurrence import FastCooccurrence
from .intensity import FastIntensity

__all__ = ["GreyLevels", "count_levels", "feature_class", "texture_features"]

FASTER = {"glcm": FastCooccurrence, "firstorder": FastIntensity}


@dataclass(frozen=True)
class GreyLevels:
    """A lesion's intensities, discretised.

    Args:
        matrix: level of each voxel of the box, from 1; 0 outside the lesion.
        present: the levels that occur, ascending.
    """

    matrix: np.ndarray
    present: np.ndarray

    @classmethod
    def of(cls, image: sitk.Image, mask: np.ndarray, max_levels: int, args: Mapping[str, Any]) -> GreyLevels:
        """As ``imageoperations.binImage``, whose bin edges depend on nothing but the extremes.

        Args:
            image: the (filtered) image of the box.
            mask: the lesion in the box, boolean.
            max_levels: more are refused.
            args: PyRadiomics settings, of which ``binWidth`` and ``binCount`` count.

        Raises:
            ValueError: too many levels, or values that are not finite.
        """
        values = sitk.GetArrayViewFromImage(image)[mask]
        extremes = np.array([values.min(), values.max()])
        if not np.isfinite(extremes).all():
            raise ValueError("values that are not finite")
        number = count_levels(*extremes.tolist(), args)
        if number > max_levels:
            raise ValueError(f"{number} grey levels; expected up to {max_levels}; set a larger binWidth, or binCount")
        edges = imageoperations.getBinEdges(extremes, **args)
        matrix = np.zeros(mask.shape, dtype="int")
        matrix[mask] = np.digitize(values, edges)
        return cls(matrix, np.unique(matrix[mask]))

    @property
    def number(self) -> int:
        """The highest level, which is the size of the matrices."""
        return int(self.present[-1])


def count_levels(low: float, high: float, args: Mapping[str, Any]) -> int:
    """Grey levels between two intensities with ``binWidth`` or ``binCount``, before any of them is made."""
    width = args.get("binWidth", 25)
    return args.get("binCount") or int(high // width - low // width) + 1


class SharedLevels(RadiomicsFeaturesBase):
    """Takes the grey levels given as setting ``grey_levels`` where a class of PyRadiomics would make its own."""

    def _applyBinning(self, matrix: np.ndarray) -> np.ndarray:
        levels: GreyLevels = self.settings["grey_levels"]
        self.coefficients.update(grayLevels=levels.present, Ng=levels.number)
        return levels.matrix

    @classmethod
    @cache
    def getFeatureNames(cls) -> dict[str, bool]:
        return super().getFeatureNames()


@cache
def feature_class(name: str) -> type[RadiomicsFeaturesBase]:
    """The class of PyRadiomics called ``name``, e.g. ``glszm``, made to share its grey levels."""
    stock = getFeatureClasses()[name]
    bases = (SharedLevels, FASTER.get(name, stock))
    return type(stock.__name__, bases, {"__module__": stock.__module__})  # which is its logger's name, too


def texture_features(
    image: sitk.Image, mask: sitk.Image, classes: Mapping[str, Sequence[str] | None], args: Mapping[str, Any]
) -> dict[str, float]:
    """Features of one (filtered) image, shape aside.

    Args:
        image: the box around the lesion.
        mask: the same box, with PyRadiomics' ``label`` in the lesion.
        classes: names of classes and of their features, none meaning all, as ``featureClass`` of a parameter file.
        args: PyRadiomics settings, with ``grey_levels``.

    Returns:
        Values by ``<class>_<feature>``.
    """
    features = {}
    for name, wanted in classes.items():
        if name.startswith("shape"):
            continue
        measure = feature_class(name)(image, mask, **args)
        for feature in wanted or []:
            measure.enableFeatureByName(feature)
        features.update({f"{name}_{feature}": float(value) for feature, value in measure.execute().items()})
    return features
