"""PyRadiomics' filtered images, computed only on the part of the volume that the lesion's box depends on.

``preCrop`` of PyRadiomics crops before filtering, which changes values by up to 180 %: intensity transforms scale by
the maximum of the whole image, the Laplacian of Gaussian has a wide support, and the wavelet transform is periodic.
Here each filter gets enough of the image to reproduce the values of the whole image.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from itertools import product
from typing import Any

import numpy as np
import SimpleITK as sitk  # noqa: N813

from .box import Box
from .laplacian import laplacian_of_gaussian

__all__ = ["FILTERS", "Source", "filter_names"]

Images = Iterator[tuple[str, sitk.Image]]


@dataclass(frozen=True)
class Source:
    """The whole image and the box around the lesion."""

    image: sitk.Image
    box: Box

    @cached_property
    def extreme(self) -> np.number:
        """The value of the image with the largest magnitude."""
        values = sitk.GetArrayViewFromImage(self.image)
        low, high = values.min(), values.max()
        return low if -float(low) > float(high) else high


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
    part = source.box.crop(source.image)
    narrow = np.dtype(sitk.GetArrayViewFromImage(part).dtype)
    yield "original", sitk.Cast(part, sitk.sitkInt32) if narrow.kind in "iu" and narrow.itemsize < 4 else part


def _log(source: Source, args: Mapping[str, Any]) -> Images:
    """Like PyRadiomics, skips images with an axis shorter than 4 voxels or than sigma."""
    size, spacing = np.array(source.image.GetSize()), np.array(source.image.GetSpacing())
    for sigma in args.get("sigma") or []:
        if size.min() >= 4 and sigma > 0 and np.all(size >= np.ceil(sigma / spacing) + 1):
            yield _log_name(sigma), laplacian_of_gaussian(source.image, source.box, sigma)


def _log_name(sigma: float) -> str:
    return f"log-sigma-{str(sigma).replace('.', '-')}-mm-3D"


def _wavelet(source: Source, args: Mapping[str, Any]) -> Images:
    """The transform is periodic: near a border the box depends on the opposite side, so the axis is not cropped."""
    import pywt
    from radiomics import imageoperations

    levels = args.get("start_level", 0) + args.get("level", 1)
    margin = levels * (pywt.Wavelet(args.get("wavelet", "coif1")).dec_len + 2)
    size, outer = source.image.GetSize(), source.box
    for axis in _wavelet_axes(args, len(size)):
        outer = outer.grown_axis(len(size) - 1 - axis, margin, size)
    for filtered, name, _ in imageoperations.getWaveletImage(outer.crop(source.image), None, **args):
        yield name, source.box.within(outer).crop(filtered)


def _wavelet_axes(args: Mapping[str, Any], dimension: int) -> list[int]:
    """Axes that PyRadiomics transforms, in the order of NumPy."""
    axes = list(range(dimension))
    if args.get("force2D", False):
        axes.remove(args.get("force2Ddimension", 0))
    return axes


def _gradient(source: Source, args: Mapping[str, Any]) -> Images:
    from radiomics import imageoperations

    outer = source.box.grown([2] * source.image.GetDimension(), source.image.GetSize())
    for filtered, name, _ in imageoperations.getGradientImage(outer.crop(source.image), None, **args):
        yield name, source.box.within(outer).crop(filtered)


def _intensity(image_type: str, source: Source, args: Mapping[str, Any]) -> Images:
    """A voxelwise transform scaled by the largest magnitude of the whole image, which is appended to the box."""
    from radiomics import imageoperations

    part = sitk.GetArrayFromImage(source.box.crop(source.image))
    lines = part.reshape(-1, part.shape[-1])
    carrier = sitk.GetImageFromArray(np.concatenate([lines, np.full_like(lines[:1], source.extreme)]))
    for filtered, name, _ in getattr(imageoperations, f"get{image_type}Image")(carrier, None, **args):
        values = sitk.GetImageFromArray(sitk.GetArrayViewFromImage(filtered)[:-1].reshape(part.shape))
        values.SetSpacing(source.image.GetSpacing())
        yield name, values


#: By type of image: function ``(source, args) -> (name, filtered box), ...`` with the values of the whole image.
FILTERS: Mapping[str, Callable[[Source, Mapping[str, Any]], Images]] = {
    "Original": _original,
    "LoG": _log,
    "Wavelet": _wavelet,
    "Gradient": _gradient,
    **{name: partial(_intensity, name) for name in ("Square", "SquareRoot", "Logarithm", "Exponential")},
}
