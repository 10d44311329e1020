"""A skull-stripped brain: folded cortex, white matter, deep nuclei, ventricles, cerebellum and brain stem."""

from __future__ import annotations

import numpy as np

from .fields import smooth_field

__all__ = ["BACKGROUND", "CSF", "DEEP_GREY", "GREY", "WHITE", "brain_tissue"]

BACKGROUND, CSF, GREY, WHITE, DEEP_GREY = range(5)


def brain_tissue(points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Tissue at each point of the brain of one subject.

    Proportions, ventricle size, cortical thickness, folds and a smooth deformation of the whole vary between subjects.

    Args:
        points: coordinates left to right, posterior to anterior, inferior to superior, ``3xHxWxD``, -1 to 1 over
            the field of view.
        rng: source of the subject's anatomy.

    Returns:
        uint8 tissue labels ``HxWxD``: :data:`BACKGROUND`, :data:`CSF`, :data:`GREY`, :data:`WHITE`, :data:`DEEP_GREY`.
    """
    shape = points.shape[1:]
    points = points + 0.028 * np.stack([smooth_field(shape, 0.7, rng) for _ in range(3)])
    x, y, z = points
    # Sulci are the zero crossings of a random field on the surface, gyri are between them.
    folds = smooth_field(shape, 0.17, rng)
    thickness, atrophy, ventricles = rng.normal([0.085, 1.0, 1.0], [0.012, 0.2, 0.18])
    width, length, height = np.array([0.70, 0.87, 0.73]) * rng.normal(1, 0.03, 3).clip(0.94, 1.06)
    # The underside of the cerebrum is flatter than the dome.
    depth = _ellipsoid(points, (0, 0, 0.10), (width, length, height), flatten_below=1.4)
    sulcus = np.abs(folds) + 2.2 * np.clip(depth, 0, None)
    tissue = np.zeros(shape, dtype=np.uint8)
    tissue[depth > 0] = WHITE
    tissue[(depth > 0) & ((depth < thickness) | (sulcus < 0.85))] = GREY
    tissue[(depth > 0) & ((sulcus < 0.36 * atrophy) | (depth < 0.012))] = CSF
    falx = np.abs(x - 0.015 * folds) + 0.10 * np.clip(depth - 0.35, 0, None)
    upper = (depth > 0) & (depth < 0.5) & ((z > 0.12) | (np.abs(y) > 0.45)) & (z > -0.2)
    tissue[upper & (falx < 0.075)] = GREY
    tissue[upper & (falx < 0.022)] = CSF

    mirrored = np.stack([np.abs(x), y, z])
    for centre, axes in (((0.14, 0.02, 0.02), (0.10, 0.16, 0.12)), ((0.29, 0.14, 0.02), (0.08, 0.21, 0.13))):
        tissue[_ellipsoid(mirrored, centre, axes) > 0] = DEEP_GREY  # thalamus; putamen
    bend = np.stack([mirrored[0], y, z + 0.25 * (y - 0.05) ** 2])
    size = float(np.clip(ventricles, 0.6, 1.5))
    tissue[_ellipsoid(bend, (0.10, -0.02, 0.17), (0.06 * size, 0.42, 0.085 * size)) > 0] = CSF
    tissue[_ellipsoid(points, (0, -0.02, 0.0), (0.025 * size, 0.15, 0.12)) > 0] = CSF  # third ventricle

    stem = _ellipsoid(points, (0, -0.16, -0.50), (0.13, 0.15, 0.42))
    cerebellum = _ellipsoid(points, (0, -0.46, -0.44), (0.74 * width, 0.34, 0.28))
    outside = tissue == BACKGROUND
    tissue[outside & (cerebellum > 0)] = GREY
    tissue[outside & (cerebellum > 0.3 + 0.15 * np.sin(45 * z + 3 * folds))] = WHITE
    tissue[(tissue == BACKGROUND) & (stem > 0)] = WHITE
    return tissue


def _ellipsoid(
    points: np.ndarray, centre: tuple[float, ...], axes: tuple[float, ...], flatten_below: float = 1.0
) -> np.ndarray:
    """Depth below the surface relative to the radius: 1 at the centre, 0 at the surface, negative outside."""
    x, y, z = ((points[i] - centre[i]) / axes[i] for i in range(3))
    if flatten_below != 1.0:
        z = np.where(z < 0, z * flatten_below, z)
    return 1 - np.sqrt(x * x + y * y + z * z)
