"""Overlap of a class activation map with a lesion or organ."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

__all__ = ["PointingGame", "pointing_game"]


class PointingGame(NamedTuple):
    """Shares between 0 and 1; NaN if undefined."""

    energy_inside: float
    peak_inside: float
    area: float


def pointing_game(activation: np.ndarray, mask: np.ndarray) -> PointingGame:
    """Energy-based pointing game (Wang et al. 2020, "Score-CAM", section 4.3), with the mask in place of a box.

    Args:
        activation: map of 0 and above, ``[H, W]``.
        mask: lesion or organ above 0, ``[H, W]``.

    Returns:
        ``energy_inside``, the share of the map's sum within the mask; ``peak_inside``, 1 if the map's highest pixel
        is within the mask (the pointing game of Zhang et al. 2018), else 0; ``area``, the mask's share of the image,
        which is the energy inside for a constant map. NaN for a map or a mask of zeros.

    Example:
        >>> pointing_game(np.array([[3.0, 1.0]]), np.array([[1, 0]]))
        PointingGame(energy_inside=0.75, peak_inside=1.0, area=0.5)
    """
    inside, total = mask > 0, float(activation.sum(dtype=np.float64))
    if not inside.any() or total <= 0:
        return PointingGame(np.nan, np.nan, float(inside.mean()) if inside.any() else np.nan)
    energy = float(activation[inside].sum(dtype=np.float64)) / total
    return PointingGame(energy, float(inside.ravel()[activation.argmax()]), float(inside.mean()))
