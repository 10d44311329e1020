"""Names of all features that settings produce: the columns of every table, even if cases lack some."""

from __future__ import annotations

import json
from dataclasses import asdict, replace

import numpy as np

from ..images.volume import Volume
from .engine import measure_lesion
from .filters import FILTERS, filter_names
from .names import FEATURES
from .settings import RadiomicsSettings

__all__ = ["feature_names"]

_known: dict[str, list[str]] = {}  # by settings, as measuring takes some 20 ms


def feature_names(settings: RadiomicsSettings, dimension: int = 3) -> list[str]:
    """Names of all features that ``settings`` produce, in the order of PyRadiomics.

    Deprecated features and the images of an unknown filter are found by measuring a small lesion.

    Args:
        settings: settings of the extraction.
        dimension: number of dimensions of the images, 2 or 3.
    """
    settings = settings.for_dimension(dimension)
    key = json.dumps([dimension, asdict(settings)], default=str)
    if key not in _known:
        _known[key] = _names(settings, dimension)
    return list(_known[key])


def _names(settings: RadiomicsSettings, dimension: int) -> list[str]:
    names = _known_names(settings, dimension) or _measured_names(settings, dimension, {"Original": {}})
    shape = [name for name in names if name.startswith("original_shape")]
    texture = [name.removeprefix("original") for name in names if name not in shape]
    found = list(shape)
    for image_type, custom in settings.image_types.items():
        if image_type in FILTERS:
            prefixes = filter_names(image_type, {**settings.setting, **(custom or {})}, dimension)
            found += [prefix + name for prefix in prefixes for name in texture]
        else:
            own = _measured_names(settings, dimension, {image_type: custom})
            found += [name for name in own if name not in shape]
    return found


def _known_names(settings: RadiomicsSettings, dimension: int) -> list[str]:
    """Names of features of the original image; none if PyRadiomics decides them: deprecated ones, ``force2D``."""
    classes = dict(settings.feature_classes)
    if dimension == 3 and "shape2D" in classes:
        if settings.setting.get("force2D"):
            return []
        del classes["shape2D"]
    if any(not set(wanted or ()) <= set(FEATURES[name]) for name, wanted in classes.items()):
        return []
    shape_first = sorted(classes, key=lambda name: not name.startswith("shape"))
    return [f"original_{name}_{feature}" for name in shape_first for feature in classes[name] or FEATURES[name]]


def _measured_names(settings: RadiomicsSettings, dimension: int, image_types: dict) -> list[str]:
    grid = np.linalg.norm(np.indices((16,) * dimension) - 7.5, axis=0)
    image = np.random.default_rng(0).integers(0, 255, grid.shape).astype(np.float32)
    mask = (grid < 5).astype(np.uint8)
    if dimension == 3 and settings.setting.get("force2D") and "shape2D" in settings.feature_classes:
        plane = np.indices(grid.shape)[settings.setting.get("force2Ddimension", 0)] == 7
        mask = mask * plane.astype(np.uint8)  # shape2D needs a lesion in one slice
    # Settings for real intensities might leave no voxel of this lesion.
    plain = {"resegmentRange": None, "binWidth": 25, "binCount": None, "minimumROISize": None}
    settings = replace(settings, setting={**settings.setting, **plain}, image_types=image_types, max_levels=512)
    return list(measure_lesion(Volume.of_array(image), Volume.of_array(mask), settings).features)
