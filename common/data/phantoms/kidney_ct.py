"""One subject's CT of the abdomen after contrast agent, with a kidney tumour."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .fields import smooth_field
from .kidney_tumour import draw_tumour_traits, tumour_intensities, tumour_mask
from .scanner import Scanner

__all__ = ["KIDNEY", "KIDNEY_TUMOUR", "kidney_ct"]

# Labels of KiTS19.
KIDNEY, KIDNEY_TUMOUR = 1, 2

# Hounsfield units, nephrographic phase.
AIR, FAT, MUSCLE, LIVER, SPLEEN, VESSEL, BONE, RENAL = -1000.0, -100.0, 58.0, 105.0, 115.0, 150.0, 420.0, 165.0


def kidney_ct(
    shape: Sequence[int],
    spacing: Sequence[float],
    subtype: str,
    separation: float,
    scanner: Scanner,
    rng: np.random.Generator,
) -> tuple[np.ndarray, np.ndarray]:
    """Draw one subject.

    Args:
        shape: voxels left to right, posterior to anterior, inferior to superior.
        spacing: voxel size along these axes in mm.
        subtype: histology of the tumour.
        separation: distance of the subtypes, see :func:`~common.data.phantoms.kidney_tumour.draw_tumour_traits`.
        scanner: scanner, of which noise and resolution are used, as Hounsfield units have no gain.
        rng: source of all properties of the subject.

    Returns:
        int16 image ``HxWxD`` in Hounsfield units, and the uint8 mask of kidneys (1) and tumour (2).
    """
    from scipy.ndimage import gaussian_filter

    axes = [(np.arange(n, dtype=np.float32) - (n - 1) / 2) * step for n, step in zip(shape, spacing, strict=True)]
    points = np.stack(np.meshgrid(*axes, indexing="ij"))
    bent = points + 3.5 * np.stack([smooth_field(shape, 0.8, rng) for _ in range(3)])
    image = _abdomen(bent, rng)
    mask = np.zeros(shape, dtype=np.uint8)
    centres = [_kidney(image, mask, bent, side, rng) for side in (-1, 1)]
    traits = draw_tumour_traits(subtype, separation, rng)
    centre = _beside(centres[int(rng.integers(2))], rng)
    tumour, distance = tumour_mask(points, centre, traits, rng)
    image[tumour] = tumour_intensities(points, centre, distance, traits, rng)[tumour]
    mask[tumour] = KIDNEY_TUMOUR
    # The point spread function in mm; along the patient, slice thickness adds to it.
    image = gaussian_filter(image, [2.0 * scanner.blur[0] / step for step in spacing[:2]] + [0.4])
    noise = gaussian_filter(rng.standard_normal(shape, dtype=np.float32), (0.6, 0.6, 0))
    image += 900 * scanner.noise * noise / np.sqrt(spacing[2] / 4)  # thin slices are noisier
    return np.clip(np.rint(image), -1024, 3071).astype(np.int16), mask


def _abdomen(points: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Hounsfield units without kidneys; the right side of the patient is at positive x."""
    x, y, z = points
    fat = rng.uniform(12, 30)  # mm under the skin
    girth = np.hypot(x / (148 * rng.uniform(0.94, 1.06)), y / 108)
    image = np.full(x.shape, AIR, dtype=np.float32)
    image[girth < 1] = FAT
    wall = 1 - fat / 130
    image[(girth < wall) & (girth > wall - 0.10)] = MUSCLE
    gut = smooth_field(x.shape, 0.14, rng)
    inside = girth < wall - 0.10
    image[inside & (gut > 0.2) & (y > 0)] = 40
    image[inside & (gut > 1.6) & (y > 15)] = -700  # gas
    texture = 5 * smooth_field(x.shape, 0.06, rng)
    liver = inside & (np.hypot((x - 62) / 66, (y - 12) / 62) < 1) & (z > -20)
    image[liver] = (LIVER + texture)[liver]
    spleen = inside & (np.hypot((x + 88) / 30, (y + 16) / 38) < 1) & (z > 10)
    image[spleen] = (SPLEEN + texture)[spleen]
    for side in (-1, 1):
        image[np.hypot((x - side * 34) / 18, (y + 38) / 20) < 1] = MUSCLE  # psoas and the back
        image[np.hypot((x - side * 40) / 26, (y + 76) / 22) < 1] = MUSCLE
    image[np.hypot(x / 24, (y + 44) / 20) < 1] = BONE / 2
    image[(np.hypot(x / 24, (y + 44) / 20) < 1) & (np.hypot(x / 20, (y + 44) / 16) > 1)] = BONE
    image[np.hypot(x + 10, y + 14) < 10] = VESSEL + 20  # aorta
    image[np.hypot(x - 14, y + 12) < 11] = VESSEL  # inferior vena cava
    return image


def _kidney(image: np.ndarray, mask: np.ndarray, points: np.ndarray, side: int, rng: np.random.Generator) -> np.ndarray:
    """Draw the kidney of one side with cortex, medulla and sinus into image and mask, and return its centre in mm."""
    centre = np.array([side * rng.normal(68, 3), rng.normal(-26, 3), rng.normal(-4 if side > 0 else 6, 5)])
    axes = np.array([27.0, 24.0, 52.0]) * rng.normal(1, 0.06)
    x, y, z = points - centre[:, None, None, None]
    lean = 0.18 * z  # the upper poles are closer to the spine
    distance = np.sqrt(((x + side * lean) / axes[0]) ** 2 + (y / axes[1]) ** 2 + (z / axes[2]) ** 2)
    inward = side * x < -4
    sinus = (distance < 0.52) | (inward & (np.hypot(y / 9, z / 16) < 1))
    kidney = (distance < 1) & ~sinus
    pyramids = (distance < 0.82) & (smooth_field(x.shape, 0.08, rng) > 0.2)
    image[(distance < 1.5) & (image > -500) & (image < 80)] = FAT - 5
    image[kidney] = RENAL + 15 * rng.standard_normal()
    image[kidney & pyramids] -= 25
    image[(distance < 0.3) & (np.abs(z) < 14)] = 20  # urine in the pelvis
    mask[kidney] = KIDNEY
    return centre


def _beside(kidney: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Centre of a mass that grows out of the kidney to the side, the front or the back, at any height."""
    angle = rng.uniform(-0.4 * np.pi, 0.6 * np.pi)
    outward = np.sign(kidney[0])
    offset = [outward * 21 * np.cos(angle), 20 * np.sin(angle), rng.uniform(-26, 26)]
    return kidney + np.array(offset)
