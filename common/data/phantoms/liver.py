"""The upper abdomen in transverse slices: liver with vessels, spleen, stomach, spine, great vessels, muscle and fat."""

from __future__ import annotations

import numpy as np

from .fields import smooth_field

__all__ = [
    "BACKGROUND",
    "BONE",
    "FAT",
    "FLUID",
    "GREAT_VESSEL",
    "LIVER",
    "MUSCLE",
    "SPLEEN",
    "VESSEL",
    "abdominal_tissue",
]

# VESSEL is inside the liver, GREAT_VESSEL in front of the spine.
BACKGROUND, FAT, MUSCLE, BONE, LIVER, VESSEL, SPLEEN, FLUID, GREAT_VESSEL = range(9)


def abdominal_tissue(points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Tissue at each point of one subject.

    Body size, thickness of fat, shape and position of organs and vessels vary between subjects.

    Args:
        points: coordinates left to right, posterior to anterior, inferior to superior, ``3xHxWxD``, -1 to 1 over
            the field of view. The liver is widest at a height of 0.
        rng: source of the subject's anatomy.

    Returns:
        uint8 tissue labels ``HxWxD``.
    """
    shape = points.shape[1:]
    warp = np.stack([smooth_field(shape, 0.8, rng) for _ in range(2)])
    points = points + 0.02 * np.concatenate([warp, np.zeros((1, *shape), np.float32)])
    tissue = np.zeros(shape, dtype=np.uint8)
    width, depth = rng.uniform([0.88, 0.84], [0.95, 0.93])
    fat, wall = rng.uniform([0.04, 0.05], [0.12, 0.08])
    body = _depth(points, (0, 0, 0), (width, depth, 4.0))
    tissue[body > 0] = FAT
    tissue[body > fat] = MUSCLE
    tissue[body > fat + wall] = FAT  # around the organs

    tissue[_depth(points, (-0.50, -0.22, 0.0), (0.20, 0.34, 0.9)) > 0] = SPLEEN
    tissue[_depth(points, (-0.36, 0.30, 0.1), (0.24, 0.26, 0.9)) > 0] = FLUID  # stomach
    liver = _liver_depth(points, rng)
    tissue[(liver > 0) & (body > fat + 0.5 * wall)] = LIVER
    # Vessels are tubes around common zeros of two random fields, wider towards the hilum.
    first, second = smooth_field(shape, 0.30, rng), smooth_field(shape, 0.30, rng)
    tubes = first**2 + second**2 < 0.035
    tissue[(tissue == LIVER) & tubes & (liver > 0.12)] = VESSEL
    for centre, radius, kind in (
        ((0.0, -0.50, 0.0), 0.16, BONE),
        ((-0.06, -0.24, 0.0), 0.055, GREAT_VESSEL),  # aorta
        ((0.13, -0.26, 0.0), 0.065, GREAT_VESSEL),  # vena cava
    ):
        tissue[_depth(points, centre, (radius, radius * 1.25, 4.0)) > 0] = kind
    return tissue


def _liver_depth(points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Depth below the surface of the liver, negative outside: a large right lobe and a tapering left lobe."""
    size, left = rng.uniform([0.92, 0.8], [1.08, 1.2])
    bumps = 0.04 * smooth_field(points.shape[1:], 0.35, rng)
    right_lobe = _depth(points, (0.42, 0.02, 0.0), (0.40 * size, 0.62 * size, 0.95))
    left_lobe = _depth(points, (0.02, 0.34, 0.05), (0.48 * left, 0.25 * size, 0.75))
    return np.maximum(right_lobe, left_lobe) + bumps


def _depth(points: np.ndarray, centre: tuple[float, ...], axes: tuple[float, ...]) -> np.ndarray:
    """Depth below the surface of an ellipsoid relative to the radius: 1 at the centre, 0 at the surface."""
    return 1 - np.sqrt(sum(((p - c) / a) ** 2 for p, c, a in zip(points, centre, axes, strict=True)))
