"""One subject's chest CT with a lung tumour of stage I, II or III."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .fields import smooth_field, unit_grid
from .scanner import Scanner

__all__ = ["LEFT_LUNG", "RIGHT_LUNG", "TUMOUR", "lung_ct"]

# The first two are the labels of lungmask (Hofmanninger et al. 2020); the tumour is inside a lung.
RIGHT_LUNG, LEFT_LUNG, TUMOUR = 1, 2, 3

# Hounsfield units.
AIR, LUNG, FAT, WATER, MUSCLE, BLOOD, BONE = -1000.0, -840.0, -95.0, 5.0, 50.0, 60.0, 420.0


def lung_ct(
    shape: Sequence[int], stage: int, separation: float, scanner: Scanner, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Draw one subject.

    As in patients, the stage affects tumour size, hilar and then mediastinal lymph nodes and pleural effusion. One
    hidden severity with means ``separation`` standard deviations apart determines them, so that stages overlap.

    Args:
        shape: voxels left to right, posterior to anterior, inferior to superior; the chest fills them.
        stage: 0, 1 or 2 for I, II or III.
        separation: distance of neighbouring stages in standard deviations of the severity.
        scanner: scanner, of which noise and resolution are used, as Hounsfield units have no gain.
        rng: source of all properties of the subject.

    Returns:
        int16 image ``HxWxD`` in Hounsfield units, and the uint8 mask of lungs (1 right, 2 left) and tumour (3).
    """
    from scipy.ndimage import gaussian_filter

    points = unit_grid(shape)
    points = points + 0.03 * np.stack([smooth_field(shape, 0.8, rng) for _ in range(3)])
    severity = float(rng.normal(separation * (stage - 1)))
    image, lungs = _chest(points, rng)
    tumour = _tumour(points, lungs, severity, rng)
    nodes = _lymph_nodes(points, severity, rng) & (image > LUNG / 2)
    effusion = _effusion(points, lungs, severity, rng)
    image[nodes] = MUSCLE - 5
    image[effusion] = WATER
    image[tumour] = 35 + 18 * smooth_field(shape, 0.06, rng)[tumour]
    mask = np.where(effusion, 0, lungs).astype(np.uint8)
    mask[tumour] = TUMOUR
    image = gaussian_filter(image, [sigma * n / 64 for sigma, n in zip(scanner.blur, shape, strict=True)])
    # CT noise is correlated by the reconstruction kernel.
    noise = gaussian_filter(rng.standard_normal(shape, dtype=np.float32), 0.5)
    image += 1500 * scanner.noise * noise
    return np.clip(np.rint(image), -1024, 3071).astype(np.int16), mask


def _chest(points: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Hounsfield units without tumour, and lungs (1 right, 2 left)."""
    x, y, z = points
    shape = x.shape
    build, fat, breath = rng.normal(1, 0.04), rng.uniform(0.03, 0.10), rng.normal(0, 0.05)
    girth = np.sqrt((x / (0.93 * build)) ** 2 + (y / 0.70) ** 2)
    image = np.full(shape, AIR, dtype=np.float32)
    image[girth < 1] = FAT
    image[girth < 1 - fat] = MUSCLE
    # Each lung is an ellipsoid without the domes of the diaphragm and the heart, which is on the left.
    side = np.abs(x) - 0.42 * build
    lung = np.sqrt((side / 0.33) ** 2 + ((y + 0.02) / 0.50) ** 2 + ((z + 0.05) / 0.90) ** 2)
    dome = -0.50 + breath + np.where(x > 0, 0.08, 0.0) - 0.9 * side**2 - 0.5 * (y + 0.1) ** 2
    heart = np.sqrt(((x + 0.14) / 0.33) ** 2 + ((y - 0.18) / 0.30) ** 2 + ((z + 0.25) / 0.36) ** 2)
    inside = (lung < 1) & (z > dome) & (heart > 1) & (girth < 0.95 - fat)
    lungs = np.where(inside, np.where(x > 0, RIGHT_LUNG, LEFT_LUNG), 0)
    image[heart < 1] = BLOOD
    image[inside] = LUNG + (25 * smooth_field(shape, 0.25, rng) + 60 * (-y))[inside]
    # Vessels are tubes around common zeros of two random fields, thinner towards the pleura.
    one, two = smooth_field(shape, 0.17, rng), smooth_field(shape, 0.17, rng)
    image[inside & (one**2 + two**2 < 0.10 * np.clip(1.1 - lung, 0, 1))] = BLOOD
    image[(np.hypot(x, y + 0.02) < 0.055) & (z > 0.0)] = AIR  # trachea
    image[(np.hypot(x + 0.07, y + 0.28) < 0.075) & (z < 0.55)] = BLOOD  # descending aorta
    image[(np.hypot(x / 1.2, y + 0.47) < 0.12) & (np.sin(28 * z) > -0.85)] = BONE / 2  # vertebrae
    shell = (girth > 0.84 - fat) & (girth < 0.93 - fat) & (np.abs(x) > 0.12)
    image[shell & (np.sin(22 * (z + 0.45 * y)) > 0.35)] = BONE  # ribs
    return image, lungs


def _tumour(points: np.ndarray, lungs: np.ndarray, severity: float, rng: np.random.Generator) -> np.ndarray:
    """A spiculated mass around a point well inside a lung, slightly more often the right one."""
    side = 1 if rng.random() < 0.57 else -1
    centre = np.array([side * rng.uniform(0.34, 0.55), rng.uniform(-0.25, 0.22), rng.uniform(-0.12, 0.42)])
    radius = float(np.clip(0.125 + 0.035 * severity + 0.025 * rng.standard_normal(), 0.07, 0.26))
    axes = radius * rng.uniform(0.85, 1.2, 3)
    distance = np.sqrt(np.sum(((points - centre[:, None, None, None]) / axes[:, None, None, None]) ** 2, axis=0))
    distance += 0.18 * smooth_field(lungs.shape, 0.10, rng)
    own = np.where(lungs > 0, distance, np.inf)
    return own <= max(1.0, float(own.min()))


def _lymph_nodes(points: np.ndarray, severity: float, rng: np.random.Generator) -> np.ndarray:
    """Enlarged nodes, more and larger with severity: first at the hilum, then in the mediastinum."""
    found = np.zeros(points.shape[1:], dtype=bool)
    for place, threshold in (((0.17, 0.0, 0.02), -0.5), ((0.06, 0.1, 0.30), 0.6), ((-0.06, 0.0, 0.12), 1.2)):
        centre = np.array(place) + rng.normal(0, 0.03, 3)
        excess = severity + 0.5 * rng.standard_normal() - threshold
        if excess > 0:
            radius = 0.05 + 0.03 * min(excess, 2.0)
            found |= np.sum((points - centre[:, None, None, None]) ** 2, axis=0) < radius**2
    return found


def _effusion(points: np.ndarray, lungs: np.ndarray, severity: float, rng: np.random.Generator) -> np.ndarray:
    """Fluid at the back of one lung of patients in supine position; rare, and mostly in late stages."""
    depth = 0.12 * (severity + 0.8 * rng.standard_normal() - 2.2)
    side = int(rng.choice([RIGHT_LUNG, LEFT_LUNG]))
    return (lungs == side) & (points[1] < -0.42 + min(depth, 0.15)) & (depth > 0)
