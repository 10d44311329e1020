"""Multi-modal brain MR of one subject with the many small lesions of multiple sclerosis."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .brain import BACKGROUND, CSF, GREY, WHITE, brain_tissue
from .brain_mr import TISSUE_CONTRAST
from .fields import smooth_field, unit_grid
from .scanner import acquire, scanner_of

__all__ = ["LESION_MODALITIES", "lesion_mask", "lesion_mr"]

# Relative intensity of a lesion: free water is bright on T2 and dark on T1; FLAIR distinguishes it from fluid.
LESION_CONTRAST = {"T1": 0.52, "T2": 0.84, "FLAIR": 0.90}
LESION_MODALITIES = tuple(LESION_CONTRAST)


def lesion_mr(
    shape: Sequence[int],
    modalities: Sequence[str],
    mean_lesions: float,
    centre: str,
    scanner_seed: int,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Draw one subject.

    Args:
        shape: voxels left to right, posterior to anterior, inferior to superior; the head fills them.
        modalities: modalities to draw, from :data:`LESION_MODALITIES`.
        mean_lesions: mean number of lesions of a subject; the number varies widely between subjects.
        centre: name of the centre, which determines the scanner.
        scanner_seed: random seed for all scanners of the cohort.
        rng: source of all properties of the subject.

    Returns:
        int16 images ``MxHxWxD`` and the uint8 mask ``HxWxD``, 1 in lesions.
    """
    points = unit_grid(shape)
    tissue = brain_tissue(points, rng)
    mask = lesion_mask(points, tissue, mean_lesions, rng)
    texture, severity = smooth_field(tuple(shape), 0.1, rng), rng.uniform(0.75, 1.0)
    images = np.empty((len(modalities), *shape), dtype=np.float32)
    for image, name in zip(images, modalities, strict=True):
        image[:] = np.array(TISSUE_CONTRAST[name], dtype=np.float32)[tissue]
        image *= 1 + 0.03 * smooth_field(tuple(shape), 0.3, rng)
        lesion = (image + severity * (LESION_CONTRAST[name] - image)) * (1 + 0.05 * texture)
        image[mask > 0] = lesion[mask > 0]
    return acquire(images, tissue != BACKGROUND, scanner_of(centre, len(modalities), scanner_seed), rng), mask


def lesion_mask(points: np.ndarray, tissue: np.ndarray, mean_lesions: float, rng: np.random.Generator) -> np.ndarray:
    """Lesions in the white matter, most of them near the ventricles, a few large, most small.

    Args:
        points: coordinates, ``3xHxWxD``, -1 to 1 over the field of view.
        tissue: labels of :func:`~common.data.phantoms.brain.brain_tissue`; lesions are in white matter and at its
            border.
        mean_lesions: mean number of lesions, at least one per subject; touching lesions merge.
        rng: source of number, positions, sizes and outlines.

    Returns:
        uint8 mask ``HxWxD``.
    """
    mask = np.zeros(tissue.shape, dtype=np.uint8)
    places = np.argwhere(tissue == WHITE)
    x, y, z = points[(slice(None), *places.T)]
    weight = 0.004 + np.exp(-(((np.abs(x) - 0.2) / 0.12) ** 2) - ((z - 0.2) / 0.2) ** 2 - (y / 0.5) ** 2)
    count = 1 + rng.poisson(max(mean_lesions - 1, 0) * rng.gamma(2.0, 0.5))
    chosen = rng.choice(len(places), size=min(count, len(places)), replace=False, p=weight / weight.sum())
    outline = smooth_field(tissue.shape, 0.1, rng)
    for place in places[chosen]:
        radius = float(np.clip(0.05 * np.exp(0.4 * rng.standard_normal()), 0.025, 0.14))
        axes = radius * rng.uniform(0.7, 1.4, 3)
        offset = (points - points[(slice(None), *place)][:, None, None, None]) / axes[:, None, None, None]
        shape = np.sum(offset**2, axis=0) + 0.2 * outline < 1
        mask[shape & np.isin(tissue, (WHITE, GREY))] = 1
        mask[tuple(place)] = 1  # even on coarse grids
    mask[tissue == CSF] = 0
    return mask
