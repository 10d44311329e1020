"""PyRadiomics' feature classes on grey levels that are computed once for all of them."""

# names of PyRadiomics' methods
# flake8: noqa: N802

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np
import SimpleITK as sitk  # noqa: N813
from radiomics import getFeatureClasses, imageoperations
from radiomics.base import RadiomicsFeaturesBase

from .cooccurrence import FastCooccurrence
from .intensity import FastIntensity
from .matrices import FastDependence, FastNeighbourhoodDifference, FastRunLength, FastSizeZone
from .mesh import FastShape
from .neighbours import Neighbourhood

__all__ = ["GreyLevels", "class_features", "count_levels", "feature_class", "texture_features"]

FASTER = {
    "firstorder": FastIntensity,
    "glcm": FastCooccurrence,
    "gldm": FastDependence,
    "glrlm": FastRunLength,
    "glszm": FastSizeZone,
    "ngtdm": FastNeighbourhoodDifference,
    "shape": FastShape,
}


@dataclass(frozen=True)
class GreyLevels:
    """A lesion's intensities, discretised.

    Args:
        values: level of each voxel of the lesion, from 1, in the order of NumPy.
        present: levels that occur, ascending.
        rank: position of each voxel's level in ``present``.
        neighbourhood: the lesion's voxels in its box.
    """

    values: np.ndarray
    present: np.ndarray
    rank: np.ndarray
    neighbourhood: Neighbourhood

    @classmethod
    def of(
        cls, image: sitk.Image, neighbourhood: Neighbourhood, max_levels: int, args: Mapping[str, Any]
    ) -> GreyLevels:
        """Like ``imageoperations.binImage``, whose bin edges depend on the extremes alone.

        Args:
            image: (filtered) image of the box.
            neighbourhood: the lesion in the box.
            max_levels: maximum number of levels.
            args: PyRadiomics settings, of which ``binWidth`` and ``binCount`` are used.

        Raises:
            ValueError: there are too many levels, or values that are not finite.
        """
        values = sitk.GetArrayViewFromImage(image)[neighbourhood.mask]
        extremes = np.array([values.min(), values.max()])
        if not np.isfinite(extremes).all():
            raise ValueError("values that are not finite")
        low, high = extremes.tolist()
        number = count_levels(low, high, args)
        if number > max_levels:
            raise ValueError(f"{number} grey levels; expected up to {max_levels}; set a larger binWidth, or binCount")
        edges = imageoperations.getBinEdges(extremes, **args)
        levels = np.digitize(values, edges)
        occurs = np.bincount(levels) > 0
        return cls(levels, np.flatnonzero(occurs), (np.cumsum(occurs) - 1)[levels], neighbourhood)

    @cached_property
    def matrix(self) -> np.ndarray:
        """Level of each voxel in the box; 0 outside the lesion."""
        matrix = np.zeros(self.neighbourhood.mask.shape, dtype=int)
        matrix[self.neighbourhood.mask] = self.values
        return matrix

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
def feature_class(name: str) -> type[RadiomicsFeaturesBase]:
    """PyRadiomics' class ``name``, e.g. ``glszm``, with shared grey levels."""
    stock = getFeatureClasses()[name]
    if name == "shape":
        return FASTER[name]
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
        if not name.startswith("shape"):
            features.update(class_features(name, image, mask, wanted, args))
    return features


def class_features(
    name: str, image: sitk.Image, mask: sitk.Image, wanted: Sequence[str] | None, args: Mapping[str, Any]
) -> dict[str, float]:
    """Features of one class, with arguments as in :func:`texture_features`; no ``wanted`` names mean all features."""
    measure = feature_class(name)(image, mask, **args)
    for feature in wanted or []:
        measure.enableFeatureByName(feature)
    return {f"{name}_{feature}": float(value) for feature, value in measure.execute().items()}
