"""Heat maps of a classifier: the decrease of its probability when a part of the image is hidden."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ...plotting import figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_heat_map"]

LEAST_PEAK = 0.01  # smallest maximum of the colour scale: smaller differences are noise


def draw_heat_map(
    image: np.ndarray, heat: np.ndarray, names: Sequence[str], caption: str, path: Path, *, picture: bool = False
) -> np.ndarray:
    """Draw each channel with the map over it; of volumes, the three planes through the map's maximum.

    Planes are in radiological orientation: the patient's right on the left, anterior on top of transverse planes.

    Args:
        image: input of the network, ``[C, ...]``; axes of volumes and their slices are right, anterior, superior.
        heat: result of :func:`~common.explain.occlusion_map`, on the same axes.
        names: names of the channels.
        caption: title of the figure.
        path: path of the PNG file.
        picture: whether the axes are right and down, as in an ultrasound image.

    Returns:
        The picture, ``[rows, columns, 3]`` bytes.
    """
    from PIL import Image

    planes = _planes(heat)
    peak = max(float(heat.max()), LEAST_PEAK)
    height, width = 2.6 * len(image) + 0.9, max(2.8 * len(planes) + 1.4, 6.0)
    with figure(path, height, len(image), len(planes), width=width) as (drawing, axes):
        for row, channel, name in zip(axes, image, names, strict=True):
            for axis, place in zip(row, planes.values(), strict=True):
                shown = _draw(axis, channel[place], heat[place], peak, picture)
            row[0].set_ylabel(name)
        for axis, title in zip(axes[0], planes, strict=True):
            axis.set_title(title)
        drawing.colorbar(shown, ax=list(axes.flat), label="Fall of the probability", shrink=0.8)
        drawing.suptitle("\n".join(line for part in caption.splitlines() for line in textwrap.wrap(part, 60)))
    return np.asarray(Image.open(path).convert("RGB"))


def _draw(axis: Axes, plane: np.ndarray, heat: np.ndarray, peak: float, picture: bool) -> Any:
    origin: Literal["upper", "lower"] = "upper" if picture else "lower"
    axis.imshow(plane.T, cmap="gray", origin=origin, interpolation="nearest")
    shown = axis.imshow(heat.T, cmap="inferno", vmin=0, vmax=peak, alpha=0.45, origin=origin, interpolation="nearest")
    axis.set(xticks=[], yticks=[])
    axis.grid(False)
    if not picture:
        axis.invert_xaxis()
    return shown


def _planes(heat: np.ndarray) -> dict[str, tuple]:
    """Index of each plane to show, by title; through the centre if the map is not positive."""
    if heat.ndim == 2:
        return {"": (slice(None),) * 2}
    centre = tuple(size // 2 for size in heat.shape)
    peak = np.unravel_index(int(heat.argmax()), heat.shape) if heat.max() > 0 else centre
    everything = (slice(None),) * 3
    return {
        f"{name}, slice {index}": (*everything[:axis], int(index), *everything[axis + 1 :])
        for axis, (name, index) in enumerate(zip(("sagittal", "coronal", "transverse"), peak, strict=True))
    }
