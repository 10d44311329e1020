"""Common style for all figures: 900 pixels wide, with colours for colour-blind readers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .files import replacing

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["COLOURS", "GREY", "figure", "line_style"]

#: Okabe and Ito's palette without its yellow, which is hard to see on white.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
DASHES = ("-", "--", ":", "-.")
GREY = "#8A8A8A"
WIDTH = 9.0  # inches, 100 dots each

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


@contextmanager
def figure(
    path: str | Path, height: float, rows: int = 1, columns: int = 1, width: float = WIDTH, **options: Any
) -> Iterator[tuple[Figure, Any]]:
    """Provide a figure and its array of axes; save it as PNG at the end of the block unless it fails.

    Args:
        path: path of the PNG file.
        height: height in inches.
        rows: number of rows of axes.
        columns: number of columns of axes.
        width: width in inches.
        options: arguments of ``Figure.subplots``.
    """
    import matplotlib
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE):
        drawing = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasAgg(drawing)  # no window and no global state, independent of the process's backend
        yield drawing, drawing.subplots(rows, columns, squeeze=False, **options)
        with replacing(path) as temporary:
            drawing.savefig(temporary, format="png")


def line_style(index: int) -> dict[str, str]:
    """Colour and line style of the method with this index, the same in all figures of a report."""
    return {"color": COLOURS[index % len(COLOURS)], "linestyle": DASHES[index // len(COLOURS) % len(DASHES)]}
