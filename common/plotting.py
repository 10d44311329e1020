"""Common style for all figures, as PNG or SVG, with colours for colour-blind readers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .files import replacing

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["COLOURS", "GREY", "NARROW", "WIDTH", "figure", "line_style", "place_legend"]

#: Okabe and Ito's palette without its yellow, which is hard to see on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
DASHES = ("-", "--", ":", "-.")
GREY = "#8A8A8A"
WIDTH = 9.0  # inches, 100 dots each
NARROW = 4.4  # inches, of a column of a page or the screen of a phone

STYLE: dict[Any, Any] = {
    "figure.dpi": 100,
    "savefig.dpi": 100,
    "font.size": 11,
    "axes.titlesize": 12,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": "#4D4D4D",
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": "#E6E6E6",
    "grid.linewidth": 0.8,
    "legend.frameon": False,
    "legend.fontsize": 10,
    "lines.linewidth": 2,
}
# Letters stay letters, and the same figure is the same file.
SVG_STYLE: dict[Any, Any] = {"svg.fonttype": "none", "svg.hashsalt": "figure"}
NARROW_STYLE: dict[Any, Any] = {"font.size": 8, "axes.titlesize": 9, "legend.fontsize": 8, "lines.linewidth": 1.5}


@contextmanager
def figure(
    path: str | Path, height: float, rows: int = 1, columns: int = 1, width: float = WIDTH, **options: Any
) -> Iterator[tuple[Figure, Any]]:
    """Provide a figure and its array of axes; save it at the end of the block unless it fails.

    Args:
        path: path that ends in ``.png`` or ``.svg``.
        height: height in inches.
        rows: number of rows of axes.
        columns: number of columns of axes.
        width: width in inches; figures of at most ``NARROW`` have smaller letters.
        options: arguments of ``Figure.subplots``.
    """
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    is_svg = Path(path).suffix.lower() == ".svg"
    style = {**STYLE, **(SVG_STYLE if is_svg else {}), **(NARROW_STYLE if width <= NARROW else {})}
    with matplotlib.rc_context(style):
        drawing = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasAgg(drawing)  # no window and no global state, independent of the process's backend
        yield drawing, drawing.subplots(rows, columns, squeeze=False, **options)
        with replacing(path) as temporary:
            drawing.savefig(temporary, format="svg" if is_svg else "png", metadata={"Date": None} if is_svg else None)


def line_style(index: int) -> dict[str, str]:
    """Colour and line style of the method with this index, the same in all figures of a report."""
    return {"color": COLOURS[index % len(COLOURS)], "linestyle": DASHES[index // len(COLOURS) % len(DASHES)]}


def place_legend(drawing: Figure, axis: Axes, **options: Any) -> None:
    """Add the legend of an axis: to the right of a wide figure's, below a narrow one's.

    Args:
        drawing: figure of the axis.
        axis: axis with labelled artists.
        options: arguments of ``legend``.
    """
    if drawing.get_figwidth() <= NARROW:
        drawing.legend(*axis.get_legend_handles_labels(), loc="outside lower left", **options)
    else:
        axis.legend(loc="center left", bbox_to_anchor=(1.02, 0.5), **options)
