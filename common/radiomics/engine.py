"""PyRadiomics' features of one lesion: only its surroundings are filtered, and intensities are discretised once."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from ..errors import one_line
from ..images.volume import Volume
from .box import Box
from .filters import FILTERS, Images, Source, filter_names
from .grey_levels import GreyLevels
from .names import FEATURES
from .neighbours import Neighbourhood
from .settings import RadiomicsSettings
from .shape import shape_features
from .texture import texture_features

__all__ = ["ENGINE_VERSION", "Measured", "measure_lesion"]

#: Increase it when values change for the same input; 1 was PyRadiomics on the whole image, 2 read files with ITK,
#: 3 had grids that differed from ITK's in the last digits.
ENGINE_VERSION = 4


@dataclass(frozen=True)
class Measured:
    """Measurements of one lesion.

    Args:
        features: values by PyRadiomics' names, in its order.
        problems: reasons for missing values, by the name of a (filtered) image or shape class.
        dimension: number of dimensions of the measured image, 2 or 3.
        faults: names of problems that may be the installation's, not the input's: the result must not be cached.
    """

    features: dict[str, float] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    dimension: int = 3
    faults: list[str] = field(default_factory=list)


def measure_lesion(image: Volume, mask: Volume, settings: RadiomicsSettings) -> Measured:
    """The result of ``RadiomicsFeatureExtractor.execute``, without filtering the whole image.

    The steps and their order are those of PyRadiomics (3.0.1, ``featureextractor.py``); image types that are not in
    :data:`.filters.FILTERS` are left to PyRadiomics on the whole image, with a warning in the log.

    Args:
        image: image, already normalised and resampled, 2D or 3D.
        mask: the lesion as label 1 on the image's grid.
        settings: settings with classes for the image's dimension, see :meth:`RadiomicsSettings.for_dimension`.

    Returns:
        Features and problems; a failing filter does not affect the others.

    Raises:
        ValueError: PyRadiomics refuses the lesion: too few axes or voxels, or resegmentation leaves no voxels.
    """
    args = dict(settings.setting)
    lesion = mask.values == args["label"]
    box = _box(lesion, args)
    lesion = outline = lesion[box.slices]  # shape is measured before resegmentation unless requested
    if args.get("resegmentRange") is not None:
        from .by_pyradiomics import resegmented

        lesion = resegmented(image.values[box.slices], lesion, args)
        inner = _box(lesion, args)
        outline, lesion = (part[inner.slices] for part in (outline, lesion))
        outline = lesion if args.get("resegmentShape") else outline
        box = inner.moved(box.lower)
    measured = Measured(dimension=image.dimension)
    _measure_shape(Volume.of_array(outline, image.spacing), settings, measured)
    neighbourhood = Neighbourhood(lesion)
    for image_type, custom in settings.image_types.items():
        every = {**args, **(custom or {}), "neighbourhood": neighbourhood}
        _measure_type(image_type, Source(image, box), settings, every, measured)
    return measured


def _box(lesion: np.ndarray, args: Mapping[str, Any]) -> Box:
    """The box around a lesion, with the checks of ``imageoperations.checkMask``."""
    voxels = int(np.count_nonzero(lesion))
    if voxels == 0:
        raise ValueError("no voxels in the lesion")
    box, least = Box.of_mask(lesion), args.get("minimumROISize")
    axes = sum(up - low > 1 for low, up in zip(box.lower, box.upper, strict=True))
    if axes < max(needed := args.get("minimumROIDimensions", 2), 1):
        raise ValueError(f"the lesion extends along {axes} axes; expected {needed} (minimumROIDimensions)")
    if least is not None and voxels <= least:
        raise ValueError(f"{voxels} voxels in the lesion; expected more than {least} (minimumROISize)")
    return box


def _measure_shape(lesion: Volume, settings: RadiomicsSettings, measured: Measured) -> None:
    """Features of the lesion's shape; PyRadiomics itself measures ``shape2D`` of a volume, with ``force2D``."""
    for name in ("shape", "shape2D"):
        if name not in settings.feature_classes:
            continue
        wanted = settings.feature_classes[name]
        try:
            if (name == "shape") == (lesion.dimension == 3):
                values = shape_features(lesion.values, lesion.spacing[::-1])
                found = {f"original_{name}_{key}": values[key] for key in wanted or FEATURES[name]}
                measured.features.update(found)
            elif name == "shape2D" and settings.setting.get("force2D"):
                from .by_pyradiomics import shape_in_one_slice

                measured.features.update(shape_in_one_slice(lesion, wanted, settings.setting))
        except Exception as error:  # shape2D of a lesion in several slices
            _report(measured, [name], *_failure(error))


def _measure_type(
    image_type: str, source: Source, settings: RadiomicsSettings, args: Mapping[str, Any], measured: Measured
) -> None:
    """Features of all images of one type; failures are reported as problems."""
    known = image_type in FILTERS
    names = filter_names(image_type, args, source.image.dimension) if known else [image_type]
    done = set()
    try:
        for name, image in _images(image_type, source, args):
            done.add(name)
            try:
                measured.features.update(_texture(name, image, source.image.spacing, settings, args))
            except Exception as error:
                _report(measured, [name], *_failure(error))
    except Exception as error:
        reason, is_fault = _failure(error)
    else:
        size = "x".join(str(length) for length in source.image.size)
        cause, is_fault = f"too small{'' if known else ', or a required package is not installed'}", not known
        reason = f"PyRadiomics creates no such image of {size} voxels ({cause})"
    if known or not done:
        _report(measured, [name for name in names if name not in done], reason, is_fault)


def _images(image_type: str, source: Source, args: Mapping[str, Any]) -> Images:
    if image_type in FILTERS:
        return FILTERS[image_type](source, args)
    from .by_pyradiomics import filtered

    return filtered(image_type, source, args["neighbourhood"].mask, args)


def _texture(
    name: str, image: np.ndarray, spacing: tuple[float, ...], settings: RadiomicsSettings, args: Mapping[str, Any]
) -> dict[str, float]:
    levels = GreyLevels.of(image, args["neighbourhood"], settings.max_levels, args, math.prod(spacing))
    values = texture_features(image, spacing, settings.feature_classes, {**args, "grey_levels": levels})
    return {f"{name}_{key}": value for key, value in values.items()}


def _failure(error: Exception) -> tuple[str, bool]:
    """An error in one line, and whether the installation may be the cause: of errors of a value it is never."""
    text = one_line(error)
    return (text, False) if isinstance(error, ValueError) else (f"{type(error).__name__}: {text}", True)


def _report(measured: Measured, names: list[str], reason: str, is_fault: bool) -> None:
    measured.problems.update(dict.fromkeys(names, reason))
    measured.faults.extend(names if is_fault else [])
