"""One ultrasound image of a neck with a thyroid nodule, benign or malignant."""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .fields import smooth_field
from .thyroid_nodule import NoduleTraits, draw_nodule, draw_nodule_traits

__all__ = ["FIELD_WIDTH", "Ultrasound", "thyroid_us", "ultrasound_of"]

FIELD_WIDTH = 45.0  # mm, left to right, for a linear probe

# Mean echo in dB relative to healthy thyroid.
FAT, MUSCLE, THYROID, FLUID, SHADOW = -5.0, -13.0, 0.0, -38.0, -30.0


@dataclass(frozen=True)
class Ultrasound:
    """Properties of the images of one machine.

    Attributes:
        dynamic_range: range of the grey values in dB.
        gain: mean grey value of healthy thyroid, relative to white.
        resolution: standard deviation of the point spread function in mm, along and across the beam.
        attenuation: residual attenuation after the machine's correction for depth, in dB per mm.
    """

    dynamic_range: float
    gain: float
    resolution: tuple[float, float]
    attenuation: float


def ultrasound_of(machine: str, seed: int) -> Ultrasound:
    """The properties of a machine, which depend on its name and the seed alone."""
    rng = np.random.default_rng([seed, zlib.crc32(machine.encode())])
    along = float(rng.uniform(0.11, 0.16))
    return Ultrasound(
        dynamic_range=float(rng.uniform(54, 66)),
        gain=float(rng.uniform(0.44, 0.56)),
        resolution=(along, float(along * rng.uniform(1.5, 2.2))),
        attenuation=float(rng.uniform(-0.1, 0.25)),
    )


def thyroid_us(
    shape: Sequence[int], is_malignant: bool, separation: float, machine: Ultrasound, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    """Draw one subject.

    Speckle is simulated physically: the envelope of the sum of many random echoes within the point spread function, so
    that it is Rayleigh distributed, compressed by the logarithm.

    Args:
        shape: rows (depth) and columns (left to right) of square pixels; the columns span 45 mm.
        is_malignant: whether the nodule is malignant.
        separation: distance of the classes, see :func:`~common.data.phantoms.thyroid_nodule.draw_nodule_traits`.
        machine: properties of the machine.
        rng: source of all properties of the subject.

    Returns:
        uint8 image ``HxW``, and the uint8 mask of the nodule, 0 and 1.
    """
    pixel = FIELD_WIDTH / shape[1]
    depth, side = (np.indices(shape, dtype=np.float32) + 0.5) * pixel
    traits = draw_nodule_traits(is_malignant, separation, rng)
    echo = _neck(depth, side, rng)
    mask = draw_nodule(echo, depth, side, traits, rng)
    echo -= machine.attenuation * (depth - depth.mean()) + _shadow(mask, traits, pixel)
    return _scanned(echo, machine, pixel, rng), mask.astype(np.uint8)


def _neck(depth: np.ndarray, side: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Mean echoes of skin, strap muscles, thyroid, trachea and carotid artery in dB, without nodule."""
    from scipy.ndimage import gaussian_filter

    shape = depth.shape
    wave = 1.2 * smooth_field(shape, 0.7, rng)
    skin, muscle = rng.uniform(2.5, 4.0), rng.uniform(6.0, 9.0)
    echo = np.full(shape, MUSCLE, dtype=np.float32)
    echo[depth < skin + 0.4 * wave] = FAT
    fibres = np.sin(2 * np.pi * (depth + 0.5 * wave) / 0.9)
    echo = np.where(echo == MUSCLE, MUSCLE + 2.5 * fibres, echo).astype(np.float32)
    left = bool(rng.random() < 0.5)  # the lobe shown, which determines the side of the trachea
    from_trachea = side if left else FIELD_WIDTH - side
    deep = muscle + 20 + 0.5 * wave - 0.008 * (from_trachea - 18) ** 2
    lobe = (depth > muscle + 0.5 * wave) & (depth < deep) & (from_trachea < 37 + wave)
    echo[lobe] = THYROID + (1.5 * smooth_field(shape, 0.12, rng))[lobe]
    trachea = np.hypot(from_trachea + 4, depth - muscle - 9) < 9 + 0.3 * wave
    echo[trachea] = SHADOW
    carotid = np.hypot(from_trachea - 40, depth - muscle - 9) < 3.2
    echo[carotid] = FLUID
    return gaussian_filter(echo, 0.6)


def _shadow(mask: np.ndarray, traits: NoduleTraits, pixel: float) -> np.ndarray:
    """Loss (dense tissue) or gain (fluid) of sound through the nodule, in dB at the pixels below it."""
    per_mm = 0.9 * (traits.density - 0.45)
    return per_mm * pixel * np.cumsum(mask, axis=0, dtype=np.float32)


def _scanned(echo: np.ndarray, machine: Ultrasound, pixel: float, rng: np.random.Generator) -> np.ndarray:
    """Grey values of a map of mean echoes in dB."""
    from scipy.ndimage import gaussian_filter

    blur = [size / pixel for size in machine.resolution]
    amplitude = 10 ** (echo / 20)
    parts = [gaussian_filter(amplitude * rng.standard_normal(echo.shape, dtype=np.float32), blur) for _ in range(2)]
    # Normalisation, as the mean power depends on the size of the point spread function.
    power = gaussian_filter(rng.standard_normal((64, 64)), blur).var() * 2
    noise = 10 ** (-machine.dynamic_range / 20)  # noise of the electronics
    decibels = 10 * np.log10((parts[0] ** 2 + parts[1] ** 2) / power + noise**2)
    grey = 255 * (machine.gain + decibels / machine.dynamic_range)
    return np.clip(np.rint(grey), 0, 255).astype(np.uint8)
