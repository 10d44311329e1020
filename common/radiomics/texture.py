"""Feature classes on grey levels that are computed once for all of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from .cooccurrence import cooccurrence
from .intensity import intensity_features
from .matrices import dependence, neighbourhood_difference, run_lengths, size_zones
from .names import FEATURES

__all__ = ["class_features", "texture_features"]

#: By class: all features that are not deprecated, by name, from settings with ``grey_levels``; ``None`` where only
#: PyRadiomics' own code gives its values.
MEASURES: Mapping[str, Callable[[Mapping[str, Any]], dict[str, Any] | None]] = {
    "firstorder": intensity_features,
    "glcm": cooccurrence,
    "gldm": dependence,
    "glrlm": run_lengths,
    "glszm": size_zones,
    "ngtdm": neighbourhood_difference,
}


def texture_features(
    image: np.ndarray, spacing: Sequence[float], classes: Mapping[str, Sequence[str] | None], args: Mapping[str, Any]
) -> dict[str, float]:
    """Features of one (filtered) image, except shape.

    Args:
        image: (filtered) image of the box around the lesion, with axes in the order of NumPy.
        spacing: distance of the voxels along x, y and z, in mm.
        classes: names of features by class, as ``featureClass`` in a parameter file; no names mean all features.
        args: PyRadiomics settings, with ``grey_levels``.

    Returns:
        Values by ``<class>_<feature>``.
    """
    features = {}
    for name, wanted in classes.items():
        if not name.startswith("shape"):
            found = class_features(name, image, spacing, wanted, args)
            features.update({f"{name}_{feature}": float(value) for feature, value in found.items()})
    return features


def class_features(
    name: str, image: np.ndarray, spacing: Sequence[float], wanted: Sequence[str] | None, args: Mapping[str, Any]
) -> dict[str, Any]:
    """Features of one class by their names, with arguments as in :func:`texture_features`.

    Deprecated features, if any is ``wanted``, are left to PyRadiomics; no ``wanted`` names mean all others.
    """
    wanted = wanted or FEATURES[name]
    known = set(wanted) <= set(FEATURES[name])
    if known and (found := MEASURES[name](args)) is not None:
        return {feature: found[feature] for feature in wanted}
    from .by_pyradiomics import class_features as by_pyradiomics

    return by_pyradiomics(name, image, spacing, wanted, args)
