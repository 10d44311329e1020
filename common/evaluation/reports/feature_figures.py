"""Figures of features and of parameter sweeps: Fig. 2 and Fig. 4 of Li et al. 2021."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ...errors import InputError
from ...feature_table import feature_columns, read_table
from ...plotting import WIDTH, figure, line_style

__all__ = ["correlations", "feature_correlation_density", "parameter_sweep", "sweep_figure"]

logger = logging.getLogger(__name__)


def correlations(features: np.ndarray) -> np.ndarray:
    """Pearson's coefficient of each pair of features over subjects; constant features are left out.

    Args:
        features: features of the subjects, shape ``[n, d]``.

    Returns:
        Symmetric matrix, at most ``[d, d]``.
    """
    varying = np.asarray(features, dtype=float)
    varying = varying[:, varying.std(0) > 0]
    return np.atleast_2d(np.corrcoef(varying, rowvar=False))


def feature_correlation_density(
    tables: Sequence[pd.DataFrame | str | Path], names: Sequence[str], path: str | Path
) -> dict[str, float]:
    """The paper's Fig. 2: correlation between the features of a representation, e.g. before and after SE.

    The upper panels show the matrix of coefficients of each table, with features in the order of a hierarchical
    clustering; the lower one the density of the coefficients of all pairs.

    Args:
        tables: feature tables, or their files.
        names: names of the tables.
        path: path of the PNG file.

    Returns:
        Mean absolute coefficient of each table; one with fewer than two features that vary is left out with a warning.

    Raises:
        InputError: all tables are.
    """
    matrices = {name: _matrix(table, name) for table, name in zip(tables, names, strict=True)}
    found = {name: matrix for name, matrix in matrices.items() if matrix is not None}
    if not found:
        raise InputError(f"{', '.join(names)}: fewer than two features vary; expected two or more to correlate")
    edges = np.linspace(-1, 1, 81)
    means = {}
    width, narrow = max(WIDTH, 3.2 * len(found)), len(found) > 2
    with figure(path, 7.2, 2, len(found), width=width, height_ratios=[1.25, 1]) as (drawing, axes):
        for axis, (name, matrix) in zip(axes[0], found.items(), strict=True):
            order = _cluster_order(matrix)
            image = axis.imshow(matrix[np.ix_(order, order)], cmap="RdBu_r", vmin=-1, vmax=1, interpolation="nearest")
            axis.grid(False)
            axis.set_title(f"{name}\n{len(matrix)} features" if narrow else f"{name}, {len(matrix)} features")
            axis.set(xlabel="Feature", ylabel="Feature", xticks=[], yticks=[])
        drawing.colorbar(image, ax=list(axes[0]), label="Pearson's r", shrink=0.9)
        grid = axes[1, 0].get_gridspec()
        for axis in axes[1]:
            axis.remove()
        axis = drawing.add_subplot(grid[1, :])
        for index, (name, matrix) in enumerate(found.items()):
            pairs = matrix[np.triu_indices(len(matrix), 1)]
            means[name] = float(np.abs(pairs).mean())
            density, _ = np.histogram(pairs, edges, density=True)
            style = line_style(index)
            axis.stairs(density, edges, color=style["color"], fill=True, alpha=0.25)
            axis.stairs(density, edges, color=style["color"], linewidth=2, label=f"{name}, mean |r| {means[name]:.2f}")
        axis.set(xlim=(-1, 1), xlabel="Pearson's r of two features over subjects", ylabel="Density of pairs")
        axis.legend(loc="upper left")
    return means


def parameter_sweep(
    values: Sequence[float | str],
    curves: Mapping[str, Sequence[Sequence[float]]],
    xlabel: str,
    path: str | Path,
    ylabel: str = "AUC",
) -> Path:
    """The paper's Fig. 4: a metric over the values of one parameter, such as the number of clusters k.

    Args:
        values: values of the parameter in order, evenly spaced on the axis.
        curves: points ``(value, low, high)``, one per parameter value, by the curve's name.
        xlabel: name of the parameter.
        path: path of the PNG file.
        ylabel: name of the metric.
    """
    with figure(path, 4.2) as (_, axes):
        axis, x = axes[0, 0], np.arange(len(values))
        for index, (name, points) in enumerate(curves.items()):
            middle, low, high = np.asarray(points, dtype=float).T
            style = line_style(index)
            axis.plot(x, middle, **style, marker="o", label=name)
            axis.fill_between(x, low, high, color=style["color"], alpha=0.13, linewidth=0)
        axis.set_xticks(x, [str(value) for value in values])
        axis.set(xlabel=xlabel, ylabel=ylabel)
        if len(curves) > 1:
            axis.legend(loc="best")
    return Path(path)


def sweep_figure(
    summary: Mapping[str, Any],
    curves: Mapping[str, Sequence[str]],
    parameter: str,
    values: Sequence[float | str],
    path: str | Path,
) -> Path:
    """:func:`parameter_sweep` of a report's AUC at its largest label fraction.

    Args:
        summary: content of ``metrics.json``.
        curves: rows of the report, one per value, by the curve's name.
        parameter: name of the parameter.
        values: values of the parameter.
        path: path of the PNG file.
    """
    full = max(summary["fractions"])
    aucs = {row["set"]: row["metrics"]["auc"] for row in summary["results"] if row["fraction"] == full}
    points = {
        name: [[aucs[row]["value"], aucs[row]["low"], aucs[row]["high"]] for row in rows]
        for name, rows in curves.items()
    }
    return parameter_sweep(values, points, parameter, path)


def _matrix(table: pd.DataFrame | str | Path, name: str) -> np.ndarray | None:
    table = table if isinstance(table, pd.DataFrame) else read_table(table)
    values = table[feature_columns(table)].dropna().to_numpy(dtype=float)
    varying = int((values.std(0) > 0).sum()) if len(values) > 1 else 0
    if varying < 2:
        logger.warning(f"{name}: {varying} features vary over {len(values)} complete subjects: left out of the figure")
        return None
    return correlations(values)


def _cluster_order(matrix: np.ndarray) -> np.ndarray:
    """Order with correlated features next to each other."""
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    distance = np.clip(1 - matrix, 0, 2)
    np.fill_diagonal(distance, 0)
    return leaves_list(linkage(squareform(distance, checks=False), "average", optimal_ordering=len(matrix) <= 400))
