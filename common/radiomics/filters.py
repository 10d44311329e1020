"""PyRadiomics' filtered images, computed only on the part of the volume that the lesion's box depends on.

``preCrop`` of PyRadiomics crops before filtering, which changes values by up to 180 %: intensity transforms scale by
the maximum of the whole image, the Laplacian of Gaussian has a wide support, and the wavelet transform is periodic.
Here each filter gets enough of the image to reproduce the values of the whole image.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import product
from typing import Any

import numpy as np

from ..images.volume import Volume
from .box import Box
from .laplacian import laplacian_of_gaussian

__all__ = ["FILTERS", "Images", "Source", "filter_names"]

Images = Iterator[tuple[str, np.ndarray]]


@dataclass(frozen=True)
class Source:
    """The whole image and the box around the lesion."""

    image: Volume
    box: Box

    @cached_property
    def top(self) -> float:
        """The largest magnitude of the whole image."""
        values = self.image.values
        return max(-float(values.min()), float(values.max()))

    @property
    def values(self) -> np.ndarray:
        """The voxels of the box, a view."""
        return self.image.values[self.box.slices]


def filter_names(image_type: str, args: Mapping[str, Any], dimension: int) -> list[str]:
    """PyRadiomics' names of the images of one type, which are the prefixes of their features.

    Args:
        image_type: name as in a parameter file, e.g. ``LoG``; one of :data:`FILTERS`.
        args: all settings, including those of the type.
        dimension: number of dimensions of the image, 2 or 3.

    Returns:
        The names in the order of PyRadiomics.
    """
    if image_type == "LoG":
        return [_log_name(sigma) for sigma in args.get("sigma") or []]
    if image_type != "Wavelet":
        return [image_type.lower()]
    bands = ["".join(band) for band in product("LH", repeat=len(_wavelet_axes(args, dimension)))]
    prefixes = ["wavelet-", *(f"wavelet{level}-" for level in range(2, args.get("level", 1) + 1))]
    return [*(prefix + band for prefix in prefixes for band in bands[1:]), prefixes[-1] + bands[0]]


def _original(source: Source, args: Mapping[str, Any]) -> Images:
    """With at least 32 bits: with NumPy 2, the upper bin edges of 8 and 16 bits overflow in ``getBinEdges``."""
    values = source.values
    yield "original", values.astype(np.int32) if values.dtype.kind in "iu" and values.itemsize < 4 else values


def _log(source: Source, args: Mapping[str, Any]) -> Images:
    """Like PyRadiomics, skips images with an axis shorter than 4 voxels or than sigma."""
    size, spacing = np.array(source.image.size), np.array(source.image.spacing)
    for sigma in args.get("sigma") or []:
        if size.min() >= 4 and sigma > 0 and np.all(size >= np.ceil(sigma / spacing) + 1):
            yield _log_name(sigma), laplacian_of_gaussian(source.image, source.box, sigma)


def _log_name(sigma: float) -> str:
    return f"log-sigma-{str(sigma).replace('.', '-')}-mm-3D"


def _wavelet(source: Source, args: Mapping[str, Any]) -> Images:
    """The transform is periodic: near a border the box depends on the opposite side, so the axis is not cropped."""
    import pywt

    wavelet = pywt.Wavelet(args.get("wavelet", "coif1"))
    skipped, levels = args.get("start_level", 0), args.get("level", 1)
    size, outer = source.image.size, source.box
    axes = _wavelet_axes(args, len(size))
    for axis in axes:
        outer = outer.grown_axis(len(size) - 1 - axis, (skipped + levels) * (wavelet.dec_len + 2), size)
    part = source.image.values[outer.slices]
    part = np.pad(part, [(0, length % 2) for length in part.shape], "wrap")  # of even lengths, as PyRadiomics
    names = filter_names("Wavelet", args, len(size))
    for _ in range(skipped):
        part = _subbands(part, wavelet, axes)[0]
    for level in range(levels):
        if level > 0:
            part = _subbands(part, wavelet, axes)[0]
        approximation, *details = _subbands(part, wavelet, axes, source.box.within(outer).slices)
        yield from zip(names[level * len(details) : (level + 1) * len(details)], details, strict=True)
    yield names[-1], approximation


def _subbands(
    values: np.ndarray, wavelet: Any, axes: Sequence[int], part: tuple[slice, ...] | None = None
) -> list[np.ndarray]:
    """One level of the stationary wavelet transform, LL..L first; each axis is cropped to ``part`` once transformed."""
    import pywt

    bands = [values]
    for axis in reversed(range(values.ndim)):  # x first, as in the names
        if axis in axes:
            pairs = [pywt.swtn(band, wavelet, level=1, axes=(axis,))[0] for band in bands]
            bands = [pair[letter] for pair in pairs for letter in "ad"]
        if part is not None:
            crop = (slice(None),) * axis + (part[axis],)
            bands = [band[crop] for band in bands]
    return bands


def _wavelet_axes(args: Mapping[str, Any], dimension: int) -> list[int]:
    """Axes that PyRadiomics transforms, in the order of NumPy."""
    axes = list(range(dimension))
    if args.get("force2D", False):
        axes.remove(args.get("force2Ddimension", 0))
    return axes


def _gradient(source: Source, args: Mapping[str, Any]) -> Images:
    """ITK's ``GradientMagnitude``: central differences, with the border's values repeated beyond it."""
    size, box = source.image.size, source.box
    outer = box.grown([1] * len(size), size)
    inner = box.within(outer)
    beyond = [(1 - low, 1 - (end - up)) for low, up, end in zip(inner.lower, inner.upper, _lengths(outer), strict=True)]
    part = np.pad(source.image.values[outer.slices].astype(np.float64), beyond[::-1], "edge")
    steps = source.image.spacing if args.get("gradientUseSpacing", True) else (1.0,) * len(size)
    total = np.zeros(source.values.shape)
    for axis, step in zip(reversed(range(part.ndim)), steps, strict=True):
        lines, half = np.moveaxis(part[_inner(part.ndim, axis)], axis, 0), 0.5 * (1.0 / step)
        total += np.moveaxis((half * lines[2:] - half * lines[:-2]) ** 2, 0, axis)
    yield "gradient", np.sqrt(total).astype(np.float32)


def _lengths(box: Box) -> list[int]:
    return [up - low for low, up in zip(box.lower, box.upper, strict=True)]


def _inner(dimension: int, axis: int) -> tuple[slice, ...]:
    """All of one axis, and the others without their first and last voxel."""
    return tuple(slice(None) if other == axis else slice(1, -1) for other in range(dimension))


#: Voxelwise transforms of intensities x as in PyRadiomics, scaled by the largest magnitude of the whole image.
INTENSITY: Mapping[str, Callable[[np.ndarray, float], np.ndarray]] = {
    "Square": lambda x, top: (x * (1 / np.sqrt(top))) ** 2,
    "SquareRoot": lambda x, top: np.sign(x) * np.sqrt(np.abs(x) * top),
    "Logarithm": lambda x, top: np.sign(x) * np.log(np.abs(x) + 1) * (top / np.log(top + 1)),
    "Exponential": lambda x, top: np.exp(np.log(top) / top * x),
}


def _intensity(image_type: str, source: Source, args: Mapping[str, Any]) -> Images:
    yield image_type.lower(), INTENSITY[image_type](source.values.astype(np.float64), source.top)


#: By type of image: function ``(source, args) -> (name, filtered box), ...`` with the values of the whole image.
FILTERS: Mapping[str, Callable[[Source, Mapping[str, Any]], Images]] = {
    "Original": _original,
    "LoG": _log,
    "Wavelet": _wavelet,
    "Gradient": _gradient,
    **{name: partial(_intensity, name) for name in INTENSITY},
}
