"""Liver tumours of stages 1 and 2, whose appearance overlaps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from .fields import smooth_field
from .liver import LIVER, VESSEL

__all__ = ["LiverTumourTraits", "draw_liver_tumour", "liver_tumour_mask"]


@dataclass(frozen=True)
class LiverTumourTraits:
    """Appearance of one tumour; every trait is in 0..1.

    Attributes:
        size: size of the largest nodule.
        irregularity: irregularity of its surface.
        texture: heterogeneity.
        brightness: brightness on T2.
        fat: intracellular fat, which appears as signal loss in the out-of-phase image.
        satellites: number of additional nodules (stage 2 means more than one, or vascular invasion).
    """

    size: float
    irregularity: float
    texture: float
    brightness: float
    fat: float
    satellites: float


def draw_liver_tumour(is_stage_2: bool, separation: float, rng: np.random.Generator) -> LiverTumourTraits:
    """Traits of a tumour of the given stage.

    One hidden severity, normal with means ``separation`` standard deviations apart, determines all traits together with
    independent variation of each. So no classifier can exceed an AUC of ``Phi(separation / sqrt(2))``.
    """
    severity = rng.normal(separation / 2 if is_stage_2 else -separation / 2)
    loads = np.array([0.8, 0.8, 0.8, 0.8, -0.6, 0.7])  # fat is a sign of early tumours
    scores = loads * severity + rng.normal(0, [0.7, 0.6, 0.5, 0.6, 0.8, 0.7])
    return LiverTumourTraits(*(1 / (1 + np.exp(-1.3 * scores))))


def liver_tumour_mask(
    points: np.ndarray, tissue: np.ndarray, traits: LiverTumourTraits, rng: np.random.Generator
) -> np.ndarray:
    """Mask of the tumour.

    Args:
        points: coordinates as for :func:`~common.data.phantoms.liver.abdominal_tissue`, the nodules near height 0.
        tissue: tissue labels from that function, as nodules are inside the liver.
        traits: traits of the tumour.
        rng: source of its position and outline.

    Returns:
        bool ``HxWxD``.
    """
    shape = tissue.shape
    lobes = (0.05 + 0.40 * traits.irregularity) * smooth_field(shape, 0.12, rng)
    radius = 0.09 + 0.11 * traits.size
    mask = _nodule(points, [rng.uniform(0.28, 0.52), rng.uniform(-0.22, 0.28), rng.uniform(-0.1, 0.1)], radius, lobes)
    places = rng.uniform([0.18, -0.36, -0.15], [0.62, 0.42, 0.15], (3, 3))
    for place, radius in zip(places[: round(3 * traits.satellites - 0.4)], rng.uniform(0.03, 0.06, 3), strict=False):
        mask |= _nodule(points, place, radius, lobes)
    return mask & np.isin(tissue, (LIVER, VESSEL))


def _nodule(points: np.ndarray, centre: ArrayLike, radius: float, lobes: np.ndarray) -> np.ndarray:
    axes = radius * np.array([1.0, 1.25, 1.6])  # the field of view is wider than deep, and flat
    offset = (points - np.reshape(centre, (3, 1, 1, 1))) / axes.reshape(3, 1, 1, 1)
    return np.sqrt(np.sum(offset**2, axis=0)) + lobes < 1
