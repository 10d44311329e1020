"""Small pictures of a network's input with a heat map over it."""

from __future__ import annotations

import numpy as np

from ..images.thumbnail import PERCENTILES, grey_levels

__all__ = ["heat_picture"]

OPACITY = 0.65  # of the map's maximum
LEAST_PEAK = 0.01  # smallest maximum of the colour scale: smaller differences are noise


def heat_picture(
    image: np.ndarray, heat: np.ndarray, *, channel: int = 0, side: int = 256, radiological: bool = True
) -> np.ndarray:
    """The plane through a map's maximum, in grey, with the map over it in colours.

    Args:
        image: input of the network, ``[C, X, Y]`` or ``[C, X, Y, Z]``; axes of volumes are right, anterior, superior.
        heat: map on the same axes, without the channel, such as the result of
            :func:`~common.explain.occlusion_map`.
        channel: channel to show.
        side: longest side of the picture in pixels.
        radiological: whether to show the first axis from right to left and the second upwards, for images in RAS
            orientation; otherwise, as for pictures, axes point to the right and downwards.

    Returns:
        Red, green and blue, ``[rows, columns, 3]`` bytes.
    """
    import matplotlib
    from PIL import Image

    plane, hot = image[channel], heat
    if heat.ndim == 3:
        peak = np.unravel_index(int(heat.argmax()), heat.shape) if heat.max() > 0 else tuple(n // 2 for n in heat.shape)
        plane, hot = plane[..., peak[2]], heat[..., peak[2]]
    if radiological:
        plane, hot = plane[::-1, ::-1], hot[::-1, ::-1]
    low, high = np.percentile(image[channel], PERCENTILES)
    scale = side / max(plane.shape)
    size = tuple(max(round(length * scale), 1) for length in plane.shape)
    grey = Image.fromarray(np.ascontiguousarray(grey_levels(plane, low, high).T)).resize(size, Image.Resampling.BICUBIC)
    warm = np.clip(hot / max(float(heat.max()), LEAST_PEAK), 0, 1)
    small = Image.fromarray(np.ascontiguousarray(warm.T, dtype=np.float32))
    warm = np.asarray(small.resize(size, Image.Resampling.BILINEAR))
    colours = matplotlib.colormaps["inferno"](warm)[..., :3] * 255
    opacity = (OPACITY * warm)[..., None]
    return ((1 - opacity) * np.asarray(grey)[..., None] + opacity * colours).round().astype(np.uint8)
