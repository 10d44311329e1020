"""Smooth random fields, for anatomy, textures and bias fields."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

__all__ = ["smooth_field", "unit_grid"]


def unit_grid(shape: Sequence[int]) -> np.ndarray:
    """Coordinates of voxel centres, each axis from -1 to 1 over the field of view.

    Returns:
        float32 array of shape ``3xHxWxD``.
    """
    axes = [(2 * np.arange(n, dtype=np.float32) + 1) / n - 1 for n in shape]
    return np.stack(np.meshgrid(*axes, indexing="ij"))


def smooth_field(shape: Sequence[int], wavelength: float, rng: np.random.Generator) -> np.ndarray:
    """A Gaussian random field with mean 0, standard deviation 1 and no detail finer than ``wavelength``.

    It is the inverse cosine transform of random coefficients of low frequencies. Their number depends on the wavelength
    alone, so that the same seed gives the same field at every resolution.

    Args:
        shape: shape of the field.
        wavelength: shortest wavelength, relative to the field of view, in (0, 2].
        rng: source of the coefficients.

    Returns:
        float32 array of ``shape``.
    """
    from scipy.fft import idctn

    highest = max(1, round(2 / wavelength))
    coefficients = rng.standard_normal((highest + 1,) * len(shape), dtype=np.float32)
    frequency = np.linalg.norm(np.indices(coefficients.shape), axis=0)
    # A ball of frequencies rather than a cube, in which diagonal waves would dominate.
    coefficients[(frequency > highest) | (frequency == 0)] = 0
    kept = coefficients[tuple(slice(0, n) for n in shape)]
    padded = np.pad(kept, [(0, n - m) for n, m in zip(shape, kept.shape, strict=True)])
    field = idctn(padded, norm="ortho", overwrite_x=True)
    return (field / max(float(field.std()), 1e-12)).astype(np.float32)
