"""PyRadiomics' features of the shape of lesions in volumes and planes."""

from __future__ import annotations

import math

import numpy as np

from .compiled import pyradiomics_module
from .mesh import measure_mesh

__all__ = ["shape_features"]


def shape_features(lesion: np.ndarray, spacing: tuple[float, ...]) -> dict[str, float]:
    """All features of ``shape``, or of ``shape2D`` in a plane, with the formulas of PyRadiomics.

    Args:
        lesion: boolean array, ``[z, y, x]`` or ``[y, x]``.
        spacing: distance of the voxels along each axis of the array, in mm.

    Returns:
        Values by PyRadiomics' names, including deprecated features; NaN for axes that rounding errors make imaginary.
    """
    mask, steps = np.pad(lesion, 1), np.array(spacing)
    places = np.argwhere(mask) * steps
    voxels = len(places)
    places -= places.mean(axis=0)
    values = np.sort(np.linalg.eigvals(places.T @ places / voxels))
    values[(values < 0) & (values > -1e-10)] = 0  # of a lesion in one plane
    *least, minor, major = np.where(values < 0, np.nan, values).tolist()
    axes = {
        "Elongation": math.sqrt(minor / major),
        "MajorAxisLength": math.sqrt(major) * 4,
        "MinorAxisLength": math.sqrt(minor) * 4,
    }
    if lesion.ndim == 2:
        return axes | _of_plane(mask, steps, voxels)
    axes |= {"Flatness": math.sqrt(least[0] / major), "LeastAxisLength": math.sqrt(least[0]) * 4}
    return axes | _of_volume(mask, steps, voxels)


def _of_volume(mask: np.ndarray, steps: np.ndarray, voxels: int) -> dict[str, float]:
    area, volume, diameters = measure_mesh(mask, steps)
    sphericity = (36 * math.pi * volume**2) ** (1 / 3) / area
    return {
        "Compactness1": volume / (area**1.5 * math.sqrt(math.pi)),
        "Compactness2": 36 * math.pi * volume**2 / area**3,
        "Maximum2DDiameterColumn": diameters[1],
        "Maximum2DDiameterRow": diameters[2],
        "Maximum2DDiameterSlice": diameters[0],
        "Maximum3DDiameter": diameters[3],
        "MeshVolume": volume,
        "Sphericity": sphericity,
        "SphericalDisproportion": 1 / sphericity,
        "SurfaceArea": area,
        "SurfaceVolumeRatio": area / volume,
        "VoxelVolume": voxels * float(np.prod(steps)),
    }


def _of_plane(mask: np.ndarray, steps: np.ndarray, voxels: int) -> dict[str, float]:
    perimeter, surface, diameter = pyradiomics_module("_cshape").calculate_coefficients2D(mask, steps)
    sphericity = 2 * math.sqrt(math.pi * surface) / perimeter
    return {
        "MaximumDiameter": diameter,
        "MeshSurface": surface,
        "Perimeter": perimeter,
        "PerimeterSurfaceRatio": perimeter / surface,
        "PixelSurface": voxels * float(np.prod(steps)),
        "Sphericity": sphericity,
        "SphericalDisproportion": 1 / sphericity,
    }
