"""PyRadiomics' feature classes on grey levels that are computed once for all of them."""

# names of PyRadiomics' methods
# flake8: noqa: N802

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
import SimpleITK as sitk  # noqa: N813
from radiomics import getFeatureClasses
from radiomics.base import RadiomicsFeaturesBase

from .all_at_once import AllAtOnce
from .cooccurrence import FastCooccurrence
from .grey_levels import GreyLevels
from .intensity import FastIntensity
from .matrices import FastDependence, FastNeighbourhoodDifference, FastRunLength, FastSizeZone
from .mesh import FastShape

__all__ = ["class_features", "feature_class", "texture_features"]

FASTER = {
    "firstorder": FastIntensity,
    "glcm": FastCooccurrence,
    "gldm": FastDependence,
    "glrlm": FastRunLength,
    "glszm": FastSizeZone,
    "ngtdm": FastNeighbourhoodDifference,
    "shape": FastShape,
}


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
    image: np.ndarray, mask: sitk.Image, classes: Mapping[str, Sequence[str] | None], args: Mapping[str, Any]
) -> dict[str, float]:
    """Features of one (filtered) image, except shape.

    Args:
        image: (filtered) image of the box around the lesion, with axes in the order of NumPy.
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
    name: str, image: np.ndarray | sitk.Image, mask: sitk.Image, wanted: Sequence[str] | None, args: Mapping[str, Any]
) -> dict[str, float]:
    """Features of one class, with arguments as in :func:`texture_features`; no ``wanted`` names mean all features."""
    wanted_class = feature_class(name)
    if issubclass(wanted_class, AllAtOnce) and (values := wanted_class.values(wanted, args)) is not None:
        return {f"{name}_{feature}": float(value) for feature, value in values.items()}
    if isinstance(image, np.ndarray):
        image = sitk.GetImageFromArray(image)
        image.SetSpacing(mask.GetSpacing())
    measure = wanted_class(image, mask, **args)
    for feature in wanted or []:
        measure.enableFeatureByName(feature)
    return {f"{name}_{feature}": float(value) for feature, value in measure.execute().items()}
