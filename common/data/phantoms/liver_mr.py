"""One subject's T1-weighted, T2-weighted and out-of-phase MR of the liver."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .fields import smooth_field, unit_grid
from .liver import LIVER, VESSEL, abdominal_tissue
from .liver_tumour import draw_liver_tumour, liver_tumour_mask
from .scanner import acquire, scanner_of

__all__ = ["LIVER_LABEL", "LIVER_MODALITIES", "TUMOUR_LABEL", "liver_mr"]

# Signal of (background, fat, muscle, bone marrow, liver, its vessels, spleen, fluid, great vessels) by sequence: T1 in
# phase, T2 fast spin echo. Out of phase, the water and fat signals of T1 are subtracted.
CONTRAST = {
    "T1": (0.0, 1.00, 0.42, 0.60, 0.58, 0.28, 0.36, 0.18, 0.25),
    "T2": (0.0, 0.80, 0.20, 0.50, 0.32, 0.14, 0.58, 1.00, 0.08),
}
FAT_FRACTION = (0.0, 0.90, 0.02, 0.35, 0.0, 0.0, 0.0, 0.0, 0.0)
LIVER_MODALITIES = ("T1", "T2", "OUT")
LIVER_LABEL, TUMOUR_LABEL = 1, 2


def liver_mr(
    shape: Sequence[int],
    modalities: Sequence[str],
    is_stage_2: bool,
    separation: float,
    centre: str,
    scanner_seed: int,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Draw one subject.

    Args:
        shape: voxels left to right, posterior to anterior, inferior to superior; a single slice is at mid-height.
        modalities: modalities to draw, from :data:`LIVER_MODALITIES`.
        is_stage_2: whether the tumour is of stage 2.
        separation: distance of the stages, see :func:`~common.data.phantoms.liver_tumour.draw_liver_tumour`.
        centre: name of the centre, which determines the scanner.
        scanner_seed: random seed for all scanners of the cohort.
        rng: source of all properties of the subject.

    Returns:
        int16 images ``MxHxWxD`` and the uint8 mask ``HxWxD`` of the liver (1) and its tumour (2).
    """
    grid = unit_grid(shape)
    traits = draw_liver_tumour(is_stage_2, separation, rng)
    tissue = abdominal_tissue(grid, rng)
    tumour = liver_tumour_mask(grid, tissue, traits, rng)
    coarse, fine = smooth_field(shape, 0.3, rng), smooth_field(shape, 0.06, rng)
    texture = 1 + (0.03 + 0.22 * traits.texture) * fine
    fat = np.array(FAT_FRACTION, dtype=np.float32)[tissue]
    fat[tissue == LIVER] = rng.beta(1.2, 8.0)  # most livers contain little fat, some much
    fat[tumour] = 0.22 * traits.fat
    mottled = 1 + 0.04 * coarse
    signals = {name: np.array(values, dtype=np.float32)[tissue] * mottled for name, values in CONTRAST.items()}
    signals["T1"][tumour] = (0.50 * texture - 0.10 * traits.brightness)[tumour]
    signals["T2"][tumour] = ((0.36 + 0.22 * traits.brightness) * texture)[tumour]
    # Signed water minus fat: blurring then cancels both in voxels that contain either, the dark outline of every
    # out-of-phase image.
    signals["OUT"] = signals["T1"] * (1 - 2 * fat)
    images = np.stack([signals[name] for name in modalities]).astype(np.float32)
    mask = np.where(np.isin(tissue, (LIVER, VESSEL)), LIVER_LABEL, 0).astype(np.uint8)
    mask[tumour] = TUMOUR_LABEL
    return acquire(images, tissue > 0, scanner_of(centre, len(modalities), scanner_seed), rng), mask
