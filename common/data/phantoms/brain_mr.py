"""Multi-modal brain MR of one subject with a glioma."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .brain import brain_tissue
from .fields import smooth_field, unit_grid
from .glioma import ENHANCING, NECROSIS, OEDEMA, draw_traits, glioma_mask, mass_effect, place_glioma
from .scanner import acquire, scanner_of

__all__ = ["MR_MODALITIES", "brain_mr"]

# Relative intensities of (background, CSF, grey matter, white matter, deep grey nuclei) and of the (solid, necrotic,
# oedematous) parts of the tumour by sequence; FLAIR suppresses fluid.
TISSUE_CONTRAST = {
    "FLAIR": (0.0, 0.14, 0.58, 0.46, 0.56),
    "T1": (0.0, 0.22, 0.56, 0.80, 0.64),
    "T1ce": (0.0, 0.23, 0.60, 0.82, 0.67),
    "T2": (0.0, 1.00, 0.58, 0.40, 0.52),
}
TUMOUR_CONTRAST = {
    "FLAIR": (0.84, 0.50, 0.92),
    "T1": (0.50, 0.34, 0.60),
    "T1ce": (0.52, 0.32, 0.60),
    "T2": (0.80, 0.95, 0.80),
}
MR_MODALITIES = tuple(TISSUE_CONTRAST)


def brain_mr(
    shape: Sequence[int],
    modalities: Sequence[str],
    is_high_grade: bool,
    separation: float,
    centre: str,
    scanner_seed: int,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Draw one subject.

    Args:
        shape: voxels left to right, posterior to anterior, inferior to superior; the head fills them.
        modalities: modalities to draw, from :data:`MR_MODALITIES`.
        is_high_grade: whether the tumour is of high grade.
        separation: distance of the grades, see :func:`~common.data.phantoms.glioma.draw_traits`.
        centre: name of the centre, which determines the scanner.
        scanner_seed: random seed for all scanners of the cohort.
        rng: source of all properties of the subject.

    Returns:
        int16 images ``MxHxWxD`` and the uint8 mask ``HxWxD`` (1 necrosis or non-enhancing core, 2 oedema, 4
        enhancing tumour).
    """
    grid = unit_grid(shape)
    traits = draw_traits(is_high_grade, separation, rng)
    position = place_glioma(rng)
    tissue = brain_tissue(mass_effect(grid, position, traits), rng)
    mask = glioma_mask(grid, tissue, position, traits, rng)
    fine, coarse = smooth_field(shape, 0.08, rng), smooth_field(shape, 0.3, rng)
    # Low-grade cores are solid, high-grade ones necrotic: both have label 1 in BraTS, but look different.
    liquid = np.clip(traits.necrosis + 0.15 * coarse, 0, 1)
    images = np.empty((len(modalities), *shape), dtype=np.float32)
    for image, name in zip(images, modalities, strict=True):
        solid, necrotic, oedematous = TUMOUR_CONTRAST[name]
        image[:] = np.array(TISSUE_CONTRAST[name], dtype=np.float32)[tissue]
        image *= 1 + 0.03 * coarse
        uptake = (0.35 + 0.45 * traits.enhancement) if name == "T1ce" else 0.0
        texture = 1 + (0.02 + 0.10 * traits.texture) * fine
        core, swollen, enhancing = mask == NECROSIS, mask == OEDEMA, mask == ENHANCING
        image[core] = (((1 - liquid) * solid + liquid * necrotic) * texture)[core]
        image[swollen] = (0.35 * image + 0.65 * oedematous)[swollen]
        image[enhancing] = ((solid + uptake) * texture)[enhancing]
    return acquire(images, tissue > 0, scanner_of(centre, len(modalities), scanner_seed), rng), mask
