"""Checks of lesions: those that PyRadiomics would silently measure wrongly are refused."""

from __future__ import annotations

import itertools

import numpy as np

from ..errors import InputError
from ..images.volume import Volume
from .box import Box
from .settings import RadiomicsSettings

__all__ = ["check_finite", "check_levels", "lesion_mask"]

GEOMETRY_TOLERANCE = 1e-3  # voxels; headers store float32, so that equal grids differ by some 1e-6


def lesion_mask(image: Volume, mask: Volume, settings: RadiomicsSettings, name: str = "mask") -> Volume:
    """The lesion as a binary mask on exactly the image's grid; if PyRadiomics resamples both, on the mask's own grid.

    Args:
        image: volume or plane to measure.
        mask: label map on the same grid, to a thousandth of a voxel, or to within PyRadiomics' ``geometryTolerance``;
            with its ``correctMask`` on any grid.
        settings: settings with the label of the lesion (``mask_label``) and its minimum size (``min_voxels``, and
            PyRadiomics' ``minimumROISize`` and ``minimumROIDimensions``).
        name: name of the mask in error messages, such as its file.

    Raises:
        InputError: the mask has another grid, values that are no labels, not the label, too few voxels, or no
            background.
    """
    if image.dimension != mask.dimension:
        raise InputError(f"{name}: {mask.dimension} axes, but the image has {image.dimension}; expected the same")
    if settings.setting.get("correctMask"):
        _check_inside(image, mask, settings.mask_label, name)
        is_slice = image.dimension == 3 and image.size[2] == 1  # resampled as a plane, without a place in space
        mask = mask if settings.resamples_both and not is_slice else _resampled(mask, image)
    else:
        _check_grid(image, mask, settings.setting.get("geometryTolerance"), name)
    label, values = settings.mask_label, mask.values
    lesion = values != 0  # includes NaN
    found = np.unique(values[lesion])
    if found.size == 0:
        raise InputError(f"{name}: empty; expected at least one label above 0")
    if not np.isfinite(found).all() or (found != np.round(found)).any() or found.min() < 0:
        raise InputError(f"{name}: values such as {found[0]:g} and {found[-1]:g}; expected labels 0, 1, 2, ...")
    if label is not None and label not in found:
        present = ", ".join(f"{value:g}" for value in found)
        raise InputError(f"{name}: label {label} is absent; found {present}; choose mask_label among them")
    lesion = lesion if label is None else values == label
    count = int(np.count_nonzero(lesion))
    if count < settings.min_voxels:
        raise InputError(f"{name}: {count} voxels in the lesion; expected at least {settings.min_voxels} (min_voxels)")
    extents = sum(np.ptp(axis) > 0 for axis in np.nonzero(lesion))
    if extents < (needed := int(settings.setting.get("minimumROIDimensions", 2))):
        raise InputError(f"{name}: the lesion extends along {extents} axes; expected {needed} (minimumROIDimensions)")
    if count <= (least := settings.setting.get("minimumROISize") or 0):
        raise InputError(f"{name}: {count} voxels in the lesion; expected more than {least} (minimumROISize)")
    if count == lesion.size:
        raise InputError(f"{name}: covers the whole image; expected a lesion with background around it")
    return (mask if settings.resamples_both else image).with_values(lesion.astype(np.uint8))


def check_finite(image: Volume, lesion: Volume, settings: RadiomicsSettings, name: str = "image") -> None:
    """Refuse NaN and infinity: in the lesion's box, or anywhere if filters or preparation use the whole image.

    Raises:
        InputError: there are such voxels; the message states their number.
    """
    values = image.values
    if settings.sees_lesion_only:
        values = values[Box.of_mask(lesion.values == 1).slices]
    count = int(np.count_nonzero(~np.isfinite(values))) if values.dtype.kind == "f" else 0
    if count:
        raise InputError(f"{name}: {count} voxels in or around the lesion are NaN or infinite; expected finite values")


def check_levels(image: Volume, lesion: Volume, settings: RadiomicsSettings, name: str = "image") -> None:
    """Refuse too few grey levels, whose texture is degenerate, or thousands, whose texture is sparse and slow.

    Raises:
        InputError: there is one level, or more than ``max_levels``.
    """
    from .grey_levels import count_levels

    values = image.values[lesion.values == 1]
    low, high = float(values.min()), float(values.max())
    if low == high:
        raise InputError(f"{name}: constant ({low:g}) in the lesion; expected intensities that vary")
    levels = count_levels(low, high, settings.setting)
    if settings.setting.get("resegmentRange") is not None:
        return  # which limits the range; the rest is checked for each filter
    if not 2 <= levels <= settings.max_levels:
        width = settings.setting.get("binWidth", 25)
        raise InputError(
            f"{name}: {levels} grey level{'s'[: levels != 1]} in the lesion ({low:g} to {high:g}, binWidth {width:g}); "
            f"expected 2 to {settings.max_levels}; set binWidth to about {(high - low) / 32:.2g}, or binCount"
        )


def _resampled(mask: Volume, image: Volume) -> Volume:
    """The mask on the image's grid, by nearest neighbours."""
    import SimpleITK as sitk  # noqa: N813  # here, as it takes 90 MB

    found = sitk.Resample(mask.to_itk(), image.to_itk(), sitk.Transform(), sitk.sitkNearestNeighbor)
    return image.with_values(sitk.GetArrayFromImage(found))


def _check_inside(image: Volume, mask: Volume, label: int | None, name: str) -> None:
    """Refuse a lesion that reaches out of the image, as PyRadiomics does before it resamples the mask."""
    values = mask.values
    places = np.nonzero(values != 0 if label is None else values == label)[::-1]  # x, y, z
    if not places[0].size:
        return  # reported by lesion_mask
    low, high = ([float(reduce(axis)) + half for axis in places] for reduce, half in ((np.min, -0.5), (np.max, 0.5)))
    for corner in itertools.product(*zip(low, high, strict=True)):
        index = image.index(mask.point(corner))
        outside = np.maximum(-0.5 - index, index - np.asarray(image.size) + 0.5).max()
        if outside > 1e-3:
            raise InputError(
                f"{name}: the lesion reaches {outside:.3g} voxels out of the image (correctMask); expected it inside"
            )


def _check_grid(image: Volume, mask: Volume, tolerance: float | None, name: str) -> None:
    """Refuse a mask with a corner elsewhere, or with ``geometryTolerance`` what ITK refuses by it."""
    remedy = "resample the mask to the image's grid, or set correctMask: true in the settings"
    if image.size != mask.size:
        raise InputError(f"{name}: size {mask.size}, but the image has {image.size}; {remedy}")
    corner = [size - 1 for size in image.size]
    corners = [[0] * len(corner), *(np.diag(corner).tolist())]
    apart = [float(np.linalg.norm(image.point(index) - mask.point(index))) for index in corners]
    if tolerance is None:
        same = max(apart) <= GEOMETRY_TOLERANCE * min(image.spacing)
    else:
        units = {"origin": image.spacing[0], "spacing": image.spacing[0], "direction": 1.0}
        gaps = {name: np.subtract(getattr(image, name), getattr(mask, name)) for name in units}
        same = all(np.abs(gaps[name]).max() <= tolerance * unit for name, unit in units.items())
    if not same:
        index = corners[int(np.argmax(apart))]
        raise InputError(
            f"{name}: voxel {tuple(index)} is {max(apart):.3g} mm from the image's; "
            f"expected the same origin, spacing and direction; {remedy}"
        )
