"""PyRadiomics' feature classes on grey levels that are computed once for all of them."""

# names of PyRadiomics' methods
# flake8: noqa: N802

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import SimpleITK as sitk  # noqa: N813
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
        matrix: level of each voxel in the box, from 1; 0 outside the lesion.
        present: levels that occur, ascending.
    """

    matrix: np.ndarray
    present: np.ndarray

    @classmethod
    def of(cls, image: sitk.Image, mask: np.ndarray, max_levels: int, args: Mapping[str, Any]) -> GreyLevels:
        """Like ``imageoperations.binImage``, whose bin edges depend on the extremes alone.

        Args:
            image: (filtered) image of the box.
            mask: lesion in the box, boolean.
            max_levels: maximum number of levels.
            args: PyRadiomics settings, of which ``binWidth`` and ``binCount`` are used.

        Raises:
            ValueError: there are too many levels, or values that are not finite.
        """
        values = sitk.GetArrayViewFromImage(image)[mask]
        extremes = np.array([values.min(), values.max()])
        if not np.isfinite(extremes).all():
            raise ValueError("values that are not finite")
        low, high = extremes.tolist()
        number = count_levels(low, high, args)
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
    """Number of grey levels between two intensities with ``binWidth`` or ``binCount``."""
    width = args.get("binWidth", 25)
    return args.get("binCount") or int(high // width - low // width) + 1


class SharedLevels(RadiomicsFeaturesBase):
    """Uses the grey levels in the setting ``grey_levels``, where a class of PyRadiomics would compute its own."""

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
    """PyRadiomics' class ``name``, e.g. ``glszm``, with shared grey levels."""
    stock = getFeatureClasses()[name]
    bases = (SharedLevels, FASTER.get(name, stock))
    return type(stock.__name__, bases, {"__module__": stock.__module__})  # also the name of its logger


def texture_features(
    image: sitk.Image, mask: sitk.Image, classes: Mapping[str, Sequence[str] | None], args: Mapping[str, Any]
) -> dict[str, float]:
    """Features of one (filtered) image, except shape.

    Args:
        image: image of the box around the lesion.
        mask: mask of the same box, with PyRadiomics' ``label`` in the lesion.
        classes: names of features by class, as ``featureClass`` in a parameter file; no names mean all features.
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
