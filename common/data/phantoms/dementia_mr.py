"""T1 image of an ageing brain at one visit: ventricles and sulci widen, hippocampi shrink."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .brain import BACKGROUND, CSF, GREY, brain_tissue
from .brain_mr import TISSUE_CONTRAST
from .fields import smooth_field, unit_grid
from .scanner import acquire, scanner_of

__all__ = ["HIPPOCAMPUS", "atrophied_tissue", "dementia_mr"]

HIPPOCAMPUS = 5  # a tissue label besides those of brain_tissue

VENTRICLES = np.array([0.0, -0.02, 0.17])  # their centre in brain_tissue
HIPPOCAMPI = np.array([0.30, -0.10, -0.20])  # the right one; the left one mirrors it
HIPPOCAMPUS_AXES = np.array([0.095, 0.21, 0.095])


def dementia_mr(
    shape: Sequence[int],
    atrophy: float,
    anatomy: np.random.Generator,
    centre: str,
    scanner_seed: int,
    rng: np.random.Generator,
) -> np.ndarray:
    """Draw one visit.

    Args:
        shape: voxels left to right, posterior to anterior, inferior to superior; the head fills them.
        atrophy: atrophy in standard deviations of healthy people of one age; 0 is their mean.
        anatomy: source of the anatomy of the person, the same at each visit.
        centre: name of the centre, which determines the scanner.
        scanner_seed: random seed for all scanners of the cohort.
        rng: source of the properties of the visit: position, noise, bias field.

    Returns:
        int16 image ``HxWxD``, the background 0.
    """
    points = unit_grid(shape) + rng.normal(0, 0.008, 3).astype(np.float32)[:, None, None, None]
    tissue = atrophied_tissue(points, atrophy, anatomy)
    contrast = np.array([*TISSUE_CONTRAST["T1"], TISSUE_CONTRAST["T1"][GREY]], dtype=np.float32)
    image = contrast[tissue] * (1 + 0.03 * smooth_field(tuple(shape), 0.3, rng))
    return acquire(image[None], tissue != BACKGROUND, scanner_of(centre, 1, scanner_seed), rng)[0]


def atrophied_tissue(points: np.ndarray, atrophy: float, anatomy: np.random.Generator) -> np.ndarray:
    """Tissue of a brain with atrophy.

    The ventricles widen and displace their surroundings outwards, and fluid replaces grey matter along the sulci and
    parts of the hippocampi.

    Args:
        points: coordinates, ``3xHxWxD``, -1 to 1 over the field of view.
        atrophy: atrophy as in :func:`dementia_mr`.
        anatomy: source of the anatomy of the person.

    Returns:
        uint8 tissue labels ``HxWxD``: those of :func:`~common.data.phantoms.brain.brain_tissue`, :data:`HIPPOCAMPUS`.
    """
    from scipy.ndimage import gaussian_filter

    offset = points - VENTRICLES[:, None, None, None]
    pull = np.clip(0.12 * atrophy, -0.3, 0.6) * np.exp(-np.sum((offset / 0.45) ** 2, axis=0))
    tissue = brain_tissue((points - pull * offset).astype(np.float32), anatomy)
    fluid = gaussian_filter((tissue == CSF).astype(np.float32), [0.8 * n / 64 for n in tissue.shape])
    tissue[(tissue == GREY) & (fluid > np.clip(0.5 - 0.06 * atrophy, 0.2, 0.8))] = CSF
    # The space of the hippocampus is constant; fluid fills the rest of it, as in the temporal horn.
    size = np.clip(0.88 - 0.09 * atrophy + 0.04 * anatomy.standard_normal(), 0.4, 1.0)
    mirrored = np.concatenate([np.abs(points[:1]), points[1:]]) - HIPPOCAMPI[:, None, None, None]
    distance = np.sqrt(np.sum((mirrored / HIPPOCAMPUS_AXES[:, None, None, None]) ** 2, axis=0))
    inside = tissue != BACKGROUND
    tissue[inside & (distance < 1)] = CSF
    tissue[inside & (distance < size)] = HIPPOCAMPUS
    return tissue
