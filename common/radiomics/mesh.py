"""Area, volume and diameters of a lesion's surface as PyRadiomics defines them, without comparing all of its points."""

from __future__ import annotations

from functools import cache, lru_cache

import numpy as np

from .compiled import pyradiomics_module

__all__ = ["measure_mesh"]


def measure_mesh(mask: np.ndarray, spacing: np.ndarray) -> tuple[float, float, tuple[float, ...]]:
    """The result of PyRadiomics' ``cShape.calculate_coefficients``, whose time grows with the square of the surface.

    Its surface is that of marching cubes: each 2 x 2 x 2 voxels add an area and a volume that depend only on which of
    the eight are in the lesion, and on the place of the cube. So its C code measures each of the 256 cubes once.

    Args:
        mask: boolean array with a margin of zeros on all sides, with axes (z, y, x).
        spacing: distance of the voxels along each axis, in mm.

    Returns:
        Surface area, volume, and the largest distance between points of the surface in one plane orthogonal to z, to y,
        to x, and in space.
    """
    corners = mask.astype(np.uint8)
    code = np.zeros([length - 1 for length in mask.shape], dtype=np.uint8)
    for bit, corner in enumerate(np.ndindex(2, 2, 2)):
        part = tuple(slice(start, start + length) for start, length in zip(corner, code.shape, strict=True))
        code |= corners[part] << bit
    areas, (volumes, moved) = _areas(tuple(spacing.tolist())), _volumes()
    occupied = np.flatnonzero((code > 0) & (code < 255))
    codes, places = code.ravel()[occupied], np.array(np.unravel_index(occupied, code.shape))
    volume = volumes[codes].sum() + np.einsum("in,ni->", places, moved[codes])
    return float(areas[codes].sum()), float(volume * np.prod(spacing)), _diameters(corners, spacing)


@lru_cache(maxsize=8)
def _areas(spacing: tuple[float, ...]) -> np.ndarray:
    """Area of each cube, ``[256]``; exchanging inside and outside does not change it."""
    half = [_coefficients(_cube(code), np.array(spacing))[0] for code in range(128)]
    return np.array(half + half[::-1])


@cache
def _volumes() -> tuple[np.ndarray, np.ndarray]:
    """Volume of each cube at the origin, in voxels, ``[256]``, and what it gains per step along each axis."""
    unit, moved = np.ones(3), np.empty((256, 3))
    volume = np.array([_coefficients(_cube(code), unit)[1] for code in range(256)])
    for axis in range(3):
        for code in range(256):
            pair = np.zeros([3 if other == axis else 2 for other in range(3)], dtype=bool)
            pair[-2:, -2:, -2:] = _cube(code)
            before = np.packbits(pair[:2, :2, :2].ravel(), bitorder="little")[0]
            moved[code, axis] = _coefficients(pair, unit)[1] - volume[before] - volume[code]
    return volume, moved


def _coefficients(mask: np.ndarray, spacing: np.ndarray) -> tuple:
    return pyradiomics_module("_cshape").calculate_coefficients(mask, spacing)


def _cube(code: int) -> np.ndarray:
    """The 2 x 2 x 2 voxels with a number, whose bit k is the k-th voxel in the order of NumPy."""
    return np.unpackbits(np.uint8(code), bitorder="little").reshape(2, 2, 2).astype(bool)


def _diameters(corners: np.ndarray, spacing: np.ndarray) -> tuple[float, ...]:
    """Largest distances between points of the surface, which are half-way between a voxel inside and one outside."""
    from scipy.spatial import ConvexHull  # here and below, as planes do not need this memory
    from scipy.spatial.distance import pdist

    points = []
    for axis in range(3):
        place = np.array(np.nonzero(np.diff(corners, axis=axis))) * 2  # in half voxels; uint8 wraps, but not to 0
        place[axis] += 1
        points.append(place)
    surface = np.concatenate(points, axis=1).T
    planes = [_diameter_of_planes(surface, axis, spacing) for axis in range(3)]
    hull = ConvexHull(surface * (spacing / 2))
    return (*planes, float(pdist(hull.points[hull.vertices]).max()))


def _diameter_of_planes(surface: np.ndarray, axis: int, spacing: np.ndarray) -> float:
    """Largest distance between two points in one plane orthogonal to ``axis``.

    A plane's largest width along eight directions is a distance of two of its points up to the cosine of half the angle
    between neighbouring directions, so that only the planes of nearly the largest width are searched.
    """
    from scipy.spatial.distance import pdist

    row, column = (other for other in range(3) if other != axis)
    points = surface[np.argsort(surface[:, axis].astype(np.uint16), kind="stable")]
    starts = np.flatnonzero(np.diff(points[:, axis], prepend=-1))
    step = spacing[[row, column]] / 2
    angles = np.arange(8) * np.pi / 8
    along = (points[:, [row, column]] * step) @ np.array([np.cos(angles), np.sin(angles)])
    widths = (np.maximum.reduceat(along, starts) - np.minimum.reduceat(along, starts)).max(axis=1)
    largest = 0.0
    for number in np.flatnonzero(widths >= widths.max() * (np.cos(np.pi / 16) - 1e-9)):
        plane = points[starts[number] : [*starts, None][number + 1], [row, column]]
        ends = _ends(*plane.T) & _ends(*plane.T[::-1])
        largest = max(largest, float(pdist(plane[ends] * step).max(initial=0.0)))
    return largest


def _ends(line: np.ndarray, place: np.ndarray) -> np.ndarray:
    """Whether a point is the first or the last on its line; the largest distance is between two such points."""
    first, last = np.full(line.max() + 1, place.max()), np.zeros(line.max() + 1, dtype=place.dtype)
    np.minimum.at(first, line, place)
    np.maximum.at(last, line, place)
    return (place == first[line]) | (place == last[line])
