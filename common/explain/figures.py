"""Class activation maps over the images they explain."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from ..plotting import figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap

__all__ = ["Panel", "comparison_figure", "overlay_figure"]

SIDE = 2.75  # inches of a panel, in a figure of three
COLOUR_LABEL = "Class activation,\nshare of the map's maximum"


class Panel(NamedTuple):
    """One image with its map: ``image`` and ``activation`` of shape ``[H, W]``, ``mask`` too or ``None``."""

    title: str
    image: np.ndarray
    activation: np.ndarray
    mask: np.ndarray | None = None


def overlay_figure(panel: Panel, path: str | Path) -> Path:
    """One image and its map.

    Args:
        panel: image and map, with rows from top to bottom and columns from left to right.
        path: path of the PNG file.
    """
    with figure(path, 4.3, width=5.4) as (drawing, axes):
        shown = _draw(axes[0, 0], panel)
        drawing.colorbar(shown, ax=axes[0, 0], label=COLOUR_LABEL, shrink=0.95)
    return Path(path)


def comparison_figure(
    rows: Sequence[Sequence[Panel]], names: Sequence[str], columns: Sequence[str], title: str, path: str | Path
) -> Path:
    """The paper's Fig. 4: modalities as columns, models as rows (a), (b), (c).

    Args:
        rows: panels of each model, one per modality.
        names: names of the models.
        columns: names of the modalities.
        title: title of the figure.
        path: path of the PNG file.
    """
    width, height = SIDE * len(columns) + 0.9, (SIDE + 0.25) * len(rows) + 0.6
    with figure(path, height, len(rows), len(columns), width=width) as (drawing, axes):
        for index, (name, panels) in enumerate(zip(names, rows, strict=True)):
            for axis, panel, column in zip(axes[index], panels, columns, strict=True):
                shown = _draw(axis, panel)
                if index == 0:
                    axis.set_title(f"{column}\n{panel.title}")
            letter = f"({chr(ord('a') + index)}) " if len(rows) > 1 else ""
            axes[index, 0].set_ylabel(f"{letter}{name}")
        drawing.colorbar(shown, ax=list(axes.flat), label=COLOUR_LABEL, shrink=0.6, pad=0.01)
        drawing.suptitle(title)
    return Path(path)


def _draw(axis: Axes, panel: Panel) -> Any:
    """Draw the image in grey, the map in colour and the mask's outline. A map of zeros is transparent."""
    peak = float(panel.activation.max())
    axis.imshow(panel.image, cmap="gray", interpolation="nearest")
    scaled = panel.activation / peak if peak > 0 else panel.activation
    shown = axis.imshow(scaled, cmap=_colours(), vmin=0, vmax=1, interpolation="nearest")
    if panel.mask is not None and 0 < (panel.mask > 0).sum() < panel.mask.size:
        axis.contour(panel.mask > 0, levels=[0.5], colors="#56B4E9", linewidths=1)
    axis.set(xticks=[], yticks=[])
    axis.grid(False)
    axis.spines[:].set_visible(False)
    axis.set_title(panel.title)
    return shown


def _colours() -> Colormap:
    """Matplotlib's inferno with opacity that increases with the value: perceptually uniform, for colour-blind readers.

    The paper's order, "from high to low [...] blue, green, red" (section 4.4), is that of a rainbow, whose steps look
    uneven; low values are transparent.
    """
    from matplotlib import colormaps
    from matplotlib.colors import ListedColormap

    colours = colormaps["inferno"](np.linspace(0.15, 1, 256))
    colours[:, 3] = np.linspace(0, 0.8, 256)
    return ListedColormap(colours, name="activation")
