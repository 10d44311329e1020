"""Checks of the axes and grids of images."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .facts import ImageFacts

__all__ = ["dims_problem", "grid_problem"]

MAX_SHIFT = 0.1  # voxels; headers are rounded


def dims_problem(shape: tuple[int, ...], spatial_dims: Sequence[int]) -> str | None:
    """The problem with an image's axes, or ``None``.

    Args:
        shape: spatial shape of the image.
        spatial_dims: allowed numbers of axes, ``[2]``, ``[3]`` or ``[2, 3]``; with both, volumes may have one slice.
    """
    extents = sum(size > 1 for size in shape)
    if len(shape) in spatial_dims and extents >= min(len(shape), *spatial_dims):
        return None
    expected, kind = " or ".join(f"{dims}D" for dims in spatial_dims), "slice" if 2 in spatial_dims else "volume"
    return f"found {len(shape)}D {shape}, expected {expected} (spatial_dims) with extent in each axis; provide a {kind}"


def grid_problem(found: ImageFacts, expected: ImageFacts, reference: str, is_mask: bool) -> str | None:
    """The difference between an image's grid and the grid that it must share, or ``None``.

    Args:
        found: facts of the image.
        expected: facts of the image with the expected grid.
        reference: description of that image for the message.
        is_mask: whether the image is a mask, whose stored axes may differ if the spatial axes agree.
    """
    for name in ("spatial_shape",) if is_mask else ("stored_shape", "spatial_shape"):
        if (shape := getattr(found, name)) != (other := getattr(expected, name)):
            return f"found shape {shape}, expected {other} {reference}; resample it onto the same grid"
    shift = _grid_distance(found, expected)
    if shift > MAX_SHIFT:
        return f"found a grid up to {shift:.2g} voxels away, expected the affine {reference}; resample it onto the grid"
    return None


def _grid_distance(found: ImageFacts, expected: ImageFacts) -> float:
    """Greatest distance between the positions of a corner under the two affines, in voxels of the expected grid."""
    if found.affine is None or expected.affine is None or found.affine == expected.affine:
        return 0.0
    one, two = np.asarray(found.affine), np.asarray(expected.affine)
    size = len(one) - 1
    shape = [*expected.spatial_shape, *[1] * size][:size]
    corners = np.stack(np.meshgrid(*[(0, n - 1) for n in shape], indexing="ij"), axis=-1).reshape(-1, size)
    millimetres = np.linalg.norm(corners @ (one - two)[:size, :size].T + (one - two)[:size, size], axis=1)
    return float(millimetres.max() / np.linalg.norm(two[:size, :size], axis=0).min())
