"""Thyroid nodules, whose signs of malignancy overlap as in patients."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .fields import smooth_field

__all__ = ["NoduleTraits", "draw_nodule", "draw_nodule_traits"]


@dataclass(frozen=True)
class NoduleTraits:
    """Appearance of one nodule, by the signs of ACR TI-RADS; every trait is in 0..1.

    Attributes:
        size: size of the nodule, independent of malignancy.
        darkness: reduction of echoes, from as bright as the gland to hypoechoic.
        upright: shape, from wider than tall to taller than wide.
        irregularity: irregularity of its margin.
        solidity: composition, from cystic or spongiform to solid.
        calcification: number of punctate echogenic foci.
        density: attenuation of sound, from enhancement to shadow behind the nodule.
    """

    size: float
    darkness: float
    upright: float
    irregularity: float
    solidity: float
    calcification: float
    density: float


def draw_nodule_traits(is_malignant: bool, separation: float, rng: np.random.Generator) -> NoduleTraits:
    """Traits of a nodule.

    One hidden malignancy, normal with means ``separation`` standard deviations apart, determines all traits except the
    size, together with independent variation of each. So no classifier can exceed an AUC of
    ``Phi(separation / sqrt(2))``.
    """
    malignancy = rng.normal(separation / 2 if is_malignant else -separation / 2)
    scores = 0.85 * malignancy + rng.normal(0, [0.7, 0.8, 0.6, 0.7, 0.9, 0.8])
    return NoduleTraits(float(rng.random()), *(float(value) for value in 1 / (1 + np.exp(-1.4 * scores))))


def draw_nodule(
    echo: np.ndarray, depth: np.ndarray, side: np.ndarray, traits: NoduleTraits, rng: np.random.Generator
) -> np.ndarray:
    """Draw a nodule into a map of mean echoes.

    Args:
        echo: mean echoes in dB relative to healthy thyroid, ``HxW``, which is modified.
        depth: depth of each pixel in mm.
        side: distance of each pixel from the left edge in mm.
        traits: traits of the nodule.
        rng: source of its position, outline and texture.

    Returns:
        Mask of the nodule, bool ``HxW``, connected.
    """
    from scipy.ndimage import gaussian_filter

    distance = _distance(depth, side, traits, rng)
    mask = _one_piece(distance < 1)
    shape = echo.shape
    inside = -2 - 11 * traits.darkness + 2.5 * smooth_field(shape, 0.07, rng)
    # Cysts: large ones, or many small ones like a sponge.
    wavelength = 0.035 if rng.random() < 0.5 else 0.10
    cysts = smooth_field(shape, wavelength, rng) > 0.5 + 2.5 * traits.solidity
    inside[cysts] = -30
    foci = rng.random(shape) < 0.012 * max(traits.calcification - 0.35, 0) * (45 / shape[1] / 0.2) ** 2
    inside += 26 * np.clip(gaussian_filter(foci.astype(np.float32), 0.7) * 3, 0, 1)
    halo = (distance > 0.88) & (distance < 1.06)
    echo[halo] -= 7 * (1 - traits.irregularity)
    echo[mask] = inside[mask]
    return mask


def _distance(depth: np.ndarray, side: np.ndarray, traits: NoduleTraits, rng: np.random.Generator) -> np.ndarray:
    """Distance from the centre, 1 at the margin."""
    height, width = float(depth.max()), float(side.max())
    centre = rng.uniform(0.45, 0.58) * height, rng.uniform(0.38, 0.62) * width
    radius = 3.2 + 4.8 * traits.size  # mm
    stretch = 0.72 + 0.5 * traits.upright
    away = np.stack([(depth - centre[0]) / stretch, (side - centre[1]) * stretch])
    tilt = rng.normal(0, 0.25)
    away = np.array([[np.cos(tilt), -np.sin(tilt)], [np.sin(tilt), np.cos(tilt)]]) @ away.reshape(2, -1)
    distance = np.linalg.norm(away, axis=0).reshape(depth.shape) / radius
    lobes, spicules = (smooth_field(depth.shape, wavelength, rng) for wavelength in (0.30, 0.07))
    return distance + 0.05 * lobes + 0.13 * traits.irregularity * spicules


def _one_piece(mask: np.ndarray) -> np.ndarray:
    """The largest connected part."""
    from scipy.ndimage import label

    parts, count = label(mask)
    if count < 2:
        return mask
    return parts == 1 + int(np.argmax(np.bincount(parts.ravel())[1:]))
