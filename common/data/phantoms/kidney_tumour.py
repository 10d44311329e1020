"""Kidney tumours of different histology in Hounsfield units, whose appearance overlaps as in patients."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .fields import smooth_field

__all__ = ["TumourTraits", "draw_tumour_traits", "tumour_intensities", "tumour_mask"]

# Means of enhancement, heterogeneity, necrosis and scar in standard deviations, before ``separation``: clear cell
# carcinoma enhances strongly and is necrotic, papillary enhances little, chromophobe is homogeneous, oncocytoma has a
# scar.
MEANS = {
    "clear_cell_rcc": (0.9, 0.9, 0.8, -0.4),
    "papillary": (-1.1, -0.1, 0.2, -0.4),
    "chromophobe": (-0.1, -0.9, -0.6, -0.3),
    "oncocytoma": (0.4, -0.5, -0.9, 1.3),
}


@dataclass(frozen=True)
class TumourTraits:
    """Appearance of one tumour; every trait is in 0..1.

    Attributes:
        size: size of the mass, independent of the subtype.
        enhancement: uptake of contrast agent.
        heterogeneity: heterogeneity of the solid part.
        necrosis: necrotic fraction.
        scar: extent of a central stellate scar.
    """

    size: float
    enhancement: float
    heterogeneity: float
    necrosis: float
    scar: float


def draw_tumour_traits(subtype: str, separation: float, rng: np.random.Generator) -> TumourTraits:
    """Random traits of a tumour, with a mean for each subtype and a standard deviation of 1.

    Args:
        subtype: a key of ``MEANS``; the mean of others is 0.
        separation: factor of the means; at 0 the subtypes are equal.
        rng: source of the variation between tumours.
    """
    means = np.array(MEANS.get(subtype, (0.0, 0.0, 0.0, 0.0)))
    scores = separation * means + rng.standard_normal(4)
    return TumourTraits(float(rng.random()), *(float(value) for value in 1 / (1 + np.exp(-scores))))


def tumour_mask(
    points: np.ndarray, centre: np.ndarray, traits: TumourTraits, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Mask of the mass.

    Args:
        points: coordinates in mm, ``3xHxWxD``.
        centre: centre of the mass in mm.
        traits: traits of the tumour.
        rng: source of its outline.

    Returns:
        bool mask ``HxWxD``, connected, and the distance from the centre, about 1 at the surface.
    """
    from scipy.ndimage import label

    radius = 11 + 21 * traits.size**1.5  # mm; most are small
    axes = radius * rng.uniform(0.88, 1.14, 3)
    distance = np.linalg.norm((points - centre[:, None, None, None]) / axes[:, None, None, None], axis=0)
    distance = distance + 0.08 * smooth_field(distance.shape, 0.16, rng)
    parts, count = label(distance < 1)
    if count > 1:
        return parts == 1 + int(np.argmax(np.bincount(parts.ravel())[1:])), distance
    return parts > 0, distance


def tumour_intensities(
    points: np.ndarray, centre: np.ndarray, distance: np.ndarray, traits: TumourTraits, rng: np.random.Generator
) -> np.ndarray:
    """Hounsfield units of the tumour in the nephrographic phase, as if it filled the volume.

    Args:
        points: coordinates in mm, ``3xHxWxD``.
        centre: centre of the mass in mm.
        distance: distance from the centre, 1 at the surface.
        traits: traits of the tumour.
        rng: source of its texture.
    """
    shape = distance.shape
    solid = 48 + 82 * traits.enhancement + (3 + 26 * traits.heterogeneity) * smooth_field(shape, 0.05, rng)
    dead = smooth_field(shape, 0.10, rng) + 0.8 * (1 - distance)
    image = np.where(dead > 2.6 - 2.6 * traits.necrosis, 16 + 4 * smooth_field(shape, 0.1, rng), solid)
    # A star: a few arms from the centre, in plane and along the patient.
    x, y, z = points - centre[:, None, None, None]
    arms = np.cos(rng.integers(3, 6) * np.arctan2(y, x) + rng.uniform(0, 2 * np.pi)) + 0.35 * np.cos(0.3 * z)
    scar = (arms > 0.55 + 0.9 * distance) & (distance < 0.95 * traits.scar)
    return np.where(scar, 32.0, image).astype(np.float32)
