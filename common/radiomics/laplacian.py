"""The Laplacian of Gaussian of a lesion's box, with the values of ITK on the whole image."""

from __future__ import annotations

import math

import numpy as np
import SimpleITK as sitk  # noqa: N813

from .box import Box

__all__ = ["laplacian_of_gaussian"]

#: Margin around the box in sigmas. ITK's recursive filters have infinite support: with 12 sigmas one voxel in ten
#: still differs in the last bit of float32, with 20 none did on the lungs and brains measured (**ours**).
REACH = 20


def laplacian_of_gaussian(image: sitk.Image, box: Box, sigma: float) -> sitk.Image:
    """``LaplacianRecursiveGaussianImageFilter`` with ``NormalizeAcrossScale``, bit for bit, on ``box`` alone.

    The Laplacian is a sum over the axes of the second derivative along one axis, smoothed along the others. Each term
    takes passes of ITK's recursive filter along lines; after the pass along an axis, its margin is cropped, so that
    three of nine passes in three dimensions process the whole margin.

    Args:
        image: scalar image with its spacing in mm.
        box: part of the image to filter.
        sigma: standard deviation of the Gaussian, in mm.

    Returns:
        The filtered box, float32.
    """
    spacing, dimension = image.GetSpacing(), image.GetDimension()
    outer = box.grown([math.ceil(REACH * sigma / step) for step in spacing], image.GetSize())
    inner, window = box.within(outer), outer.crop(image)
    total = np.zeros(1, dtype=np.float32)
    for axis in range(dimension):
        term = inner.crop_axis(_along(window, axis, sigma, order=2), axis)
        for other in range(dimension):
            if other != axis:
                term = inner.crop_axis(_along(term, other, sigma, order=0), other)
        # Like ITK: added in double precision, stored in single precision.
        weighted = sitk.GetArrayViewFromImage(term).astype(np.float64) * (1.0 / (spacing[axis] * spacing[axis]))
        total = (total + weighted).astype(np.float32)
    filtered = sitk.GetImageFromArray(total)
    filtered.SetSpacing(spacing)
    return filtered


def _along(image: sitk.Image, axis: int, sigma: float, order: int) -> sitk.Image:
    line = sitk.RecursiveGaussianImageFilter()
    line.SetNormalizeAcrossScale(True)
    line.SetSigma(sigma)
    line.SetDirection(axis)
    line.SetOrder(order)
    result = line.Execute(image)
    return result if result.GetPixelID() == sitk.sitkFloat32 else sitk.Cast(result, sitk.sitkFloat32)
