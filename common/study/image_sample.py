"""Shapes, spacings, intensities and lesions of a sample of a cohort's images."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..images.read import read_image
from ..images.stored_image import StoredImage

__all__ = ["ImageSample", "measure_images"]

IMAGES = 60  # at most, evenly spaced over the rows
VOXELS = 20_000  # of an image for its intensities
PERCENTILES = (0.5, 50.0, 99.5)  # nnU-Net's range of intensities (Isensee et al. 2021) and the median


@dataclass(frozen=True)
class ImageSample:
    """Measured images; axes are R, A, S for volumes, width and height for pictures.

    Attributes:
        measured: number of measured images.
        spatial_dims: number of spatial axes.
        channels: number of modalities, as files or channels.
        stored: data types of the files, such as "uint8".
        shape: median number of voxels along each axis.
        largest_shape: largest number of voxels along each axis.
        spacing: median voxel size in mm; ``None`` for pictures.
        spacing_ratio: largest voxel size of the sample over the smallest, the largest of all axes; 1 for pictures.
        intensities: 0.5 %, 50 % and 99.5 % of each modality, median over images.
        scaled: mean and standard deviation of each modality, of images scaled to [0, 1].
        zero_share: share of voxels that are 0 in the first modality, median over images.
        lesion_extent: 95th percentile of the size of the mask along each axis, in voxels; ``None`` without masks.
        lesion_extent_mm: the same in mm; ``None`` for pictures.
        lesion_median: median size of the mask along each axis, in voxels.
        lesion_intensities: 0.5 %, 50 % and 99.5 % of all voxels in masks, by modality.
        labels: values of the masks above 0.
        complete: whether each mask has each of these values.
        composed: whether half of the masks or more have several of them.
    """

    measured: int
    spatial_dims: int
    channels: int
    stored: Sequence[str]
    shape: Sequence[int]
    largest_shape: Sequence[int]
    spacing: Sequence[float] | None
    spacing_ratio: float
    intensities: Sequence[Sequence[float]]
    scaled: Sequence[Sequence[float]]
    zero_share: float
    lesion_extent: Sequence[int] | None = None
    lesion_extent_mm: Sequence[float] | None = None
    lesion_median: Sequence[int] | None = None
    lesion_intensities: Sequence[Sequence[float]] | None = None
    labels: Sequence[int] = ()
    complete: bool = False
    composed: bool = False


def measure_images(
    rows: Sequence[Mapping[str, Any]], mask_key: str = "mask", limit: int = IMAGES, seed: int = 0
) -> ImageSample:
    """Read a sample of the images.

    Args:
        rows: rows with absolute paths whose files have been checked.
        mask_key: key of the mask, ``label`` for label maps; rows without it have none.
        limit: number of images to read at most.
        seed: random seed for the choice of voxels.
    """
    places = np.unique(np.linspace(0, len(rows) - 1, min(limit, len(rows))).round().astype(int))
    generator = np.random.default_rng(seed)
    found = [_measure(rows[place], mask_key, generator) for place in places]
    spacings = [each["spacing"] for each in found if each["spacing"] is not None]
    masks = [each for each in found if each["extent"] is not None]
    labels = sorted(set().union(*(each["labels"] for each in masks))) if masks else []
    inside = (
        [np.concatenate([each["inside"][c] for each in masks]) for c in range(found[0]["channels"])] if masks else []
    )
    return ImageSample(
        measured=len(found),
        spatial_dims=len(found[0]["shape"]),
        channels=found[0]["channels"],
        stored=sorted({name for each in found for name in each["stored"]}),
        shape=_rounded(np.median([each["shape"] for each in found], axis=0)),
        largest_shape=_rounded(np.max([each["shape"] for each in found], axis=0)),
        spacing=np.median(spacings, axis=0).round(4).tolist() if spacings else None,
        spacing_ratio=_ratio(spacings),
        intensities=np.nanmedian([each["percentiles"] for each in found], axis=0).round(4).tolist(),
        scaled=np.nanmean([each["scaled"] for each in found], axis=0).round(4).tolist(),
        zero_share=round(float(np.median([each["zeros"] for each in found])), 4),
        lesion_extent=_rounded(np.percentile([each["extent"] for each in masks], 95, axis=0)) if masks else None,
        lesion_extent_mm=_millimetres(masks),
        lesion_median=_rounded(np.median([each["extent"] for each in masks], axis=0)) if masks else None,
        lesion_intensities=[np.percentile(values, PERCENTILES).round(4).tolist() for values in inside] or None,
        labels=labels,
        complete=bool(masks) and all(each["labels"] == set(labels) for each in masks),
        composed=bool(masks) and 2 * sum(len(each["labels"]) > 1 for each in masks) >= len(masks),
    )


def _measure(row: Mapping[str, Any], mask_key: str, generator: np.random.Generator) -> dict[str, Any]:
    paths = row["image"] if isinstance(row["image"], list) else [row["image"]]
    images = [None if path is None else read_image(path) for path in paths]
    first = next(image for image in images if image is not None)
    channels = [channel for image in images for channel in _channels(image)]
    order, spacing = _axes(first)
    facts: dict[str, Any] = {
        "shape": [first.spatial_shape[axis] for axis in order],
        "spacing": None if spacing is None else [spacing[axis] for axis in order],
        "channels": len(channels),
        "stored": {image.voxels.dtype.name for image in images if image is not None},
        "percentiles": [_percentiles(channel, generator) for channel in channels],
        "scaled": [_scaled(channel) for channel in channels],
        "zeros": float(np.mean(next(channel for channel in channels if channel is not None) == 0)),
        "extent": None,
    }
    mask = row.get(mask_key)
    if isinstance(mask, str):
        facts |= _of_mask(read_image(mask, is_mask=True).voxels, order, channels, generator)
    return facts


def _channels(image: StoredImage | None) -> list[np.ndarray | None]:
    if image is None:
        return [None]
    return list(np.moveaxis(image.voxels.reshape(*image.spatial_shape, -1), -1, 0))


def _axes(image: StoredImage) -> tuple[list[int], np.ndarray | None]:
    """Axes of the array in the order R, A, S, and the voxel size along each axis of the array."""
    if image.affine is None or image.spatial_dims != 3:
        return list(range(image.spatial_dims)), None
    from nibabel.orientations import io_orientation  # here, as --help needs no nibabel

    world = io_orientation(image.affine)[:, 0]
    if np.isnan(world).any():
        return [0, 1, 2], None
    spacing = np.linalg.norm(image.affine[:3, :3], axis=0)
    return [int(axis) for axis in np.argsort(world)], spacing


def _percentiles(channel: np.ndarray | None, generator: np.random.Generator) -> list[float]:
    if channel is None:
        return [np.nan] * len(PERCENTILES)
    return np.percentile(_some(channel.ravel(), VOXELS, generator), PERCENTILES).tolist()


def _scaled(channel: np.ndarray | None) -> list[float]:
    if channel is None or channel.max() == channel.min():
        return [np.nan, np.nan]
    low, high = float(channel.min()), float(channel.max())
    return [(float(channel.mean()) - low) / (high - low), float(channel.std()) / (high - low)]


def _some(values: np.ndarray, number: int, generator: np.random.Generator) -> np.ndarray:
    return values if len(values) <= number else values[generator.integers(0, len(values), number)]


def _of_mask(
    mask: np.ndarray, order: Sequence[int], channels: Sequence[np.ndarray | None], generator: np.random.Generator
) -> dict[str, Any]:
    """Size and labels of a mask, and intensities within it."""
    mask = mask.reshape(mask.shape[: len(order)])
    where = np.nonzero(mask)
    if not len(where[0]):
        return {}
    sizes = [int(axis.max() - axis.min()) + 1 for axis in where]
    some = generator.integers(0, len(where[0]), min(len(where[0]), VOXELS // 10))
    voxels = tuple(axis[some] for axis in where)
    inside = [np.empty(0) if channel is None else channel[voxels].astype(float) for channel in channels]
    labels = {int(value) for value in np.unique(mask)} - {0}
    return {"extent": [sizes[axis] for axis in order], "labels": labels, "inside": inside}


def _millimetres(masks: Sequence[Mapping[str, Any]]) -> list[float] | None:
    sizes = [np.multiply(each["extent"], each["spacing"]) for each in masks if each["spacing"] is not None]
    return np.percentile(sizes, 95, axis=0).round(2).tolist() if sizes else None


def _ratio(spacings: Sequence[Sequence[float]]) -> float:
    return round(float((np.max(spacings, axis=0) / np.min(spacings, axis=0)).max()), 3) if spacings else 1.0


def _rounded(values: np.ndarray) -> list[int]:
    return [int(value) for value in np.ceil(values)]
