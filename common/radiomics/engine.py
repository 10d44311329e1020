"""PyRadiomics' features of one lesion: only its surroundings are filtered, and intensities are discretised once."""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import SimpleITK as sitk  # noqa: N813

from ..errors import one_line
from .box import Box
from .filters import FILTERS, Source, filter_names
from .settings import RadiomicsSettings

__all__ = ["ENGINE_VERSION", "Measured", "measure_lesion"]

#: Increase it when values change for the same input; 1 was PyRadiomics on the whole image, 2 read files with ITK.
ENGINE_VERSION = 3

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Measured:
    """Measurements of one lesion.

    Args:
        features: values by PyRadiomics' names, in its order.
        problems: reasons for missing values, by the name of a (filtered) image or shape class.
        dimension: number of dimensions of the measured image, 2 or 3.
    """

    features: dict[str, float] = field(default_factory=dict)
    problems: dict[str, str] = field(default_factory=dict)
    dimension: int = 3


def measure_lesion(image: sitk.Image, mask: sitk.Image, settings: RadiomicsSettings) -> Measured:
    """The result of ``RadiomicsFeatureExtractor.execute``, by its own classes, without filtering the whole image.

    The steps and their order are those of PyRadiomics (3.0.1, ``featureextractor.py``); image types that are not in
    :data:`.filters.FILTERS` are left to PyRadiomics on the whole image, with a warning in the log.

    Args:
        image: scalar image, already normalised and resampled, 2D or 3D.
        mask: the lesion as label 1 on the image's grid.
        settings: settings with classes for the image's dimension, see :meth:`RadiomicsSettings.for_dimension`.

    Returns:
        Features and problems; a failing filter does not affect the others.

    Raises:
        ValueError: PyRadiomics refuses the lesion: too few axes or voxels, or resegmentation leaves no voxels.
    """
    from radiomics import imageoperations

    from .neighbours import Neighbourhood

    args = dict(settings.setting)
    box = Box.of_mask(sitk.GetArrayViewFromImage(mask) == args["label"])
    part, lesion = box.crop(image), box.crop(mask)
    bounds, _ = imageoperations.checkMask(part, lesion, **args)
    outline = lesion  # shape is measured before resegmentation unless requested
    if args.get("resegmentRange") is not None:
        lesion = imageoperations.resegmentMask(part, lesion, **args)
        bounds, _ = imageoperations.checkMask(part, lesion, **args)
        outline = lesion if args.get("resegmentShape") else outline
    measured = Measured(dimension=image.GetDimension())
    _measure_shape(part, outline, bounds, settings, measured)
    kept = Box(tuple(bounds[0::2].tolist()), tuple((bounds[1::2] + 1).tolist()))
    source = Source(image, kept.moved(box.lower))
    lesion = kept.crop(lesion)
    neighbourhood = Neighbourhood(sitk.GetArrayFromImage(lesion) == args["label"])
    for image_type, custom in settings.image_types.items():
        every = {**args, **(custom or {}), "neighbourhood": neighbourhood}
        _measure_type(image_type, source, lesion, settings, every, measured)
    return measured


def _measure_shape(
    image: sitk.Image, mask: sitk.Image, bounds: np.ndarray, settings: RadiomicsSettings, measured: Measured
) -> None:
    from .texture import class_features

    extractor = settings.extractor()
    for name in ("shape", "shape2D"):
        wanted = settings.feature_classes.get(name)
        try:
            if name == "shape" and name in settings.feature_classes:
                box = Box(tuple(bounds[0::2].tolist()), tuple((bounds[1::2] + 1).tolist()))
                values = class_features(name, box.crop(image), box.crop(mask), wanted, settings.setting)
                measured.features.update({f"original_{key}": value for key, value in values.items()})
            elif name in settings.feature_classes:
                extractor.enabledFeatures = {name: wanted}
                values = extractor.computeShape(image, mask, bounds, **settings.setting)
                measured.features.update({key: float(value) for key, value in values.items()})
        except Exception as error:  # shape2D of a lesion in several slices
            measured.problems[name] = _in_one_line(error)


def _measure_type(
    image_type: str,
    source: Source,
    mask: sitk.Image,
    settings: RadiomicsSettings,
    args: Mapping[str, Any],
    measured: Measured,
) -> None:
    """Features of all images of one type; failures are reported as problems."""
    known = image_type in FILTERS
    names = filter_names(image_type, args, source.image.GetDimension()) if known else [image_type]
    images = FILTERS[image_type](source, args) if known else _by_pyradiomics(image_type, source, mask, args)
    done = set()
    try:
        for name, image in images:
            done.add(name)
            try:
                measured.features.update(_texture(name, image, mask, settings, args))
            except Exception as error:
                measured.problems[name] = _in_one_line(error)
    except Exception as error:
        reason = _in_one_line(error)
    else:
        size = "x".join(str(length) for length in source.image.GetSize())
        reason = (
            f"PyRadiomics creates no such image of {size} voxels (too small, or a required package is not installed)"
        )
    if known or not done:
        measured.problems.update({name: reason for name in names if name not in done})


def _texture(
    name: str, image: np.ndarray, mask: sitk.Image, settings: RadiomicsSettings, args: Mapping[str, Any]
) -> dict[str, float]:
    from .grey_levels import GreyLevels
    from .texture import texture_features

    volume = math.prod(mask.GetSpacing())
    levels = GreyLevels.of(image, args["neighbourhood"], settings.max_levels, args, volume)
    values = texture_features(image, mask, settings.feature_classes, {**args, "grey_levels": levels})
    return {f"{name}_{key}": value for key, value in values.items()}


def _by_pyradiomics(
    image_type: str, source: Source, mask: sitk.Image, args: Mapping[str, Any]
) -> Iterator[tuple[str, np.ndarray]]:
    from radiomics import imageoperations

    logger.warning("radiomics: %s is left to PyRadiomics on the whole image, which is slow", image_type)
    whole = np.zeros(source.image.GetSize()[::-1], dtype=np.uint32)
    place = zip(reversed(source.box.lower), reversed(source.box.upper), strict=True)
    whole[tuple(slice(low, up) for low, up in place)] = sitk.GetArrayViewFromImage(mask)
    lesion = sitk.GetImageFromArray(whole)
    lesion.CopyInformation(source.image)
    for image, name, _ in getattr(imageoperations, f"get{image_type}Image")(source.image, lesion, **args):
        yield name, sitk.GetArrayViewFromImage(image)[source.box.slices].copy()


def _in_one_line(error: Exception) -> str:
    text = one_line(error)
    return text if isinstance(error, ValueError) else f"{type(error).__name__}: {text}"
