"""The functions that PyRadiomics' schema of parameter files names, for the values that need no SimpleITK.

PyRadiomics' own functions check all others, as they import SimpleITK, which takes 90 MB.
"""

# names of PyRadiomics' functions
# flake8: noqa: N802

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .names import FEATURES, IMAGE_TYPES

__all__ = ["checkFeatureClass", "checkImageType", "checkInterpolator", "checkWavelet", "checkWeighting"]


def checkFeatureClass(value: Any, rule: Any, path: str) -> bool:
    """Whether classes and features are known, see PyRadiomics."""
    known = isinstance(value, Mapping) and all(
        name in FEATURES and (wanted is None or (isinstance(wanted, list) and all(x in FEATURES[name] for x in wanted)))
        for name, wanted in value.items()
    )
    return known or _of_pyradiomics("checkFeatureClass", value, rule, path)


def checkImageType(value: Any, rule: Any, path: str) -> bool:
    """Whether image types are known."""
    known = isinstance(value, Mapping) and all(name in IMAGE_TYPES for name in value)
    return known or _of_pyradiomics("checkImageType", value, rule, path)


def checkInterpolator(value: Any, rule: Any, path: str) -> bool:
    """Whether an interpolator is known."""
    return value in (None, "sitkBSpline", "sitkLinear") or _of_pyradiomics("checkInterpolator", value, rule, path)


def checkWavelet(value: Any, rule: Any, path: str) -> bool:
    """Whether a wavelet is known."""
    import pywt

    return value in pywt.wavelist(kind="discrete") or _of_pyradiomics("checkWavelet", value, rule, path)


def checkWeighting(value: Any, rule: Any, path: str) -> bool:
    """Whether a norm of the angles' weights is known."""
    return value is None or _of_pyradiomics("checkWeighting", value, rule, path)


def _of_pyradiomics(name: str, value: Any, rule: Any, path: str) -> bool:
    from radiomics.schemas import schemaFuncs

    return getattr(schemaFuncs, name)(value, rule, path)
