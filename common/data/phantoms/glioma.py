"""Gliomas of low and high grade, whose appearance overlaps as in patients."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .brain import CSF, WHITE
from .fields import smooth_field

__all__ = [
    "ENHANCING",
    "NECROSIS",
    "OEDEMA",
    "GliomaTraits",
    "draw_traits",
    "glioma_mask",
    "mass_effect",
    "place_glioma",
]

# Labels as in BraTS 2017-2020: necrotic and non-enhancing core, peritumoural oedema, enhancing tumour.
NECROSIS, OEDEMA, ENHANCING = 1, 2, 4


@dataclass(frozen=True)
class GliomaTraits:
    """Appearance of one tumour; every trait is in 0..1.

    Attributes:
        size: size of the core.
        irregularity: irregularity of its surface.
        necrosis: necrotic fraction of the core.
        enhancement: extent and strength of the enhancement of the rim.
        oedema: extent of the oedema around the core.
        texture: heterogeneity of the solid part.
    """

    size: float
    irregularity: float
    necrosis: float
    enhancement: float
    oedema: float
    texture: float


def draw_traits(is_high_grade: bool, separation: float, rng: np.random.Generator) -> GliomaTraits:
    """Traits of a tumour of the given grade.

    One hidden malignancy, normal with means ``separation`` standard deviations apart, determines all traits together
    with independent variation of each. So no classifier can exceed an AUC of ``Phi(separation / sqrt(2))``.
    """
    malignancy = rng.normal(separation / 2 if is_high_grade else -separation / 2)
    scores = 0.85 * malignancy + rng.normal(0, [1.0, 0.6, 0.5, 0.6, 0.6, 0.5])
    size, *others = 1 / (1 + np.exp(-1.5 * scores))
    # Low-grade gliomas are often large when found, so that size is less informative than other traits.
    return GliomaTraits(0.5 * size + 0.25, *others)


def place_glioma(rng: np.random.Generator) -> np.ndarray:
    """A centre in the white matter of one hemisphere, away from midline and surface."""
    side = rng.choice([-1, 1])
    return np.array([side * rng.uniform(0.24, 0.40), rng.uniform(-0.40, 0.45), rng.uniform(-0.02, 0.38)])


def _radius(traits: GliomaTraits) -> float:
    return 0.13 + 0.13 * traits.size


def mass_effect(points: np.ndarray, centre: np.ndarray, traits: GliomaTraits) -> np.ndarray:
    """Position of the tissue at each point without the tumour, which displaces its surroundings outwards."""
    offset = points - centre[:, None, None, None]
    reach = 2.2 * _radius(traits)
    push = 0.35 * np.exp(-np.sum(offset**2, axis=0) / reach**2)
    return points - push * offset


def glioma_mask(
    points: np.ndarray, tissue: np.ndarray, centre: np.ndarray, traits: GliomaTraits, rng: np.random.Generator
) -> np.ndarray:
    """Mask of the parts of a tumour.

    Args:
        points: coordinates, ``3xHxWxD``, -1 to 1 over the field of view.
        tissue: labels of :func:`~common.data.phantoms.brain.brain_tissue`; the tumour is inside the brain, oedema
            outside the CSF.
        centre: centre of the core.
        traits: traits of the tumour.
        rng: source of its outline.

    Returns:
        uint8 mask ``HxWxD`` of 0, :data:`NECROSIS`, :data:`OEDEMA` and :data:`ENHANCING`.
    """
    shape = tissue.shape
    axes = _radius(traits) * rng.uniform(0.8, 1.25, 3)
    offset = (points - centre[:, None, None, None]) / axes[:, None, None, None]
    distance = np.sqrt(np.sum(offset**2, axis=0))
    lobes, fingers, patches = (smooth_field(shape, wavelength, rng) for wavelength in (0.14, 0.18, 0.11))
    distance = distance + (0.03 + 0.22 * traits.irregularity) * lobes
    brain, core = tissue > CSF, distance < 1
    mask = np.zeros(shape, dtype=np.uint8)
    # Oedema spreads along the white matter and hardly into the cortex.
    spread = np.where(tissue == WHITE, 1.0, 0.45) * np.clip(1 + 0.6 * fingers, 0.05, 1.6)
    mask[(distance < 1.05 + 0.95 * traits.oedema * spread) & brain] = OEDEMA
    mask[core & (tissue > 0)] = NECROSIS
    # Enhancement: a rim around the necrosis, interrupted by patches if the trait is weak.
    inner = 0.25 + 0.5 * traits.necrosis + (0.03 + 0.16 * traits.irregularity) * fingers
    enhances = patches < -1.9 + 4.2 * traits.enhancement
    mask[core & (distance > inner) & enhances & (tissue > 0)] = ENHANCING
    if not mask.any():
        nearest = np.unravel_index(np.argmin(distance), shape)
        mask[nearest] = NECROSIS
    return mask
