"""From tissue to stored images: contrast, bias field, resolution, noise, integer gain."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .fields import smooth_field

__all__ = ["Scanner", "acquire", "oblique_affine", "scanner_of"]


@dataclass(frozen=True)
class Scanner:
    """Properties of the images of one centre.

    Attributes:
        gain: stored value of intensity 1, for each modality.
        gamma: exponent of intensities, for the protocol of the centre.
        noise: standard deviation of the noise in each of the two receiver channels, relative to intensity 1.
        blur: standard deviation of the point spread function along each axis, in voxels of a 64-voxel field of view.
        bias: strength of the bias field of the coil.
    """

    gain: tuple[float, ...]
    gamma: float
    noise: float
    blur: tuple[float, float, float]
    bias: float


def scanner_of(centre: str, num_modalities: int, seed: int) -> Scanner:
    """The scanner of a centre, which depends on the name of the centre and the seed alone."""
    rng = np.random.default_rng([seed, zlib.crc32(centre.encode())])
    in_plane, through_plane = rng.uniform(0.35, 0.6), rng.uniform(0.4, 1.0)
    return Scanner(
        gain=tuple(rng.uniform(300, 1200, num_modalities)),
        gamma=float(rng.uniform(0.88, 1.14)),
        noise=float(rng.uniform(0.015, 0.05)),
        blur=(in_plane, in_plane, through_plane),
        bias=float(rng.uniform(0.05, 0.18)),
    )


def acquire(intensities: np.ndarray, brain: np.ndarray, scanner: Scanner, rng: np.random.Generator) -> np.ndarray:
    """Images as stored by a scanner, with a background of 0 as after skull-stripping.

    The noise is Rician: the magnitude of a complex signal with Gaussian noise in both parts (Gudbjartsson and Patz
    1995).

    Args:
        intensities: ideal intensities of the modalities, about 0 to 1.3, ``MxHxWxD``.
        brain: foreground mask, ``HxWxD``.
        scanner: scanner of the centre.
        rng: source of the noise, bias field and gain of this scan.

    Returns:
        int16 images ``MxHxWxD``.
    """
    from scipy.ndimage import gaussian_filter

    shape = brain.shape
    bias = np.exp(scanner.bias * smooth_field(shape, 1.0, rng))
    blur = [sigma * n / 64 for sigma, n in zip(scanner.blur, shape, strict=True)]
    images = np.zeros(intensities.shape, dtype=np.int16)
    for stored, ideal, gain in zip(images, intensities, scanner.gain, strict=True):
        signal = gaussian_filter(ideal, blur) * bias
        real, imaginary = scanner.noise * rng.standard_normal((2, *shape), dtype=np.float32)
        magnitude = np.sqrt((signal + real) ** 2 + imaginary**2) ** scanner.gamma
        stored[brain] = np.clip(np.rint(gain * rng.uniform(0.9, 1.1) * magnitude[brain]), 1, 32767)
    return images


def oblique_affine(
    shape: Sequence[int], spacing: Sequence[float], rng: np.random.Generator, max_degrees: float = 8.0
) -> np.ndarray:
    """Affine from voxel indices (left to right, posterior to anterior, inferior to superior) to RAS millimetres.

    The spacing is exact; the patient is slightly rotated, and near the centre of the scanner.

    Returns:
        4x4 matrix.
    """
    a, b, c = np.radians(rng.uniform(-max_degrees, max_degrees, 3))
    rotation = (
        np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
        @ np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
        @ np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    )
    affine = np.eye(4)
    affine[:3, :3] = rotation @ np.diag(spacing)
    middle = (np.asarray(shape) - 1) / 2
    affine[:3, 3] = rng.uniform(-10, 10, 3) - affine[:3, :3] @ middle
    return affine
