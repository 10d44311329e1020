"""Figures of classification results: ROC, confusion, calibration, and accuracy over label fractions."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.calibration import calibration_curve
from sklearn.metrics import ConfusionMatrixDisplay, confusion_matrix

from ...plotting import GREY, NARROW, WIDTH, figure, line_style, place_legend
from ..predictions import Outcome
from ..statistics.metrics import headline_metrics
from ..statistics.resampling import resample_counts
from .label_fraction_figure import label_fraction_figure

__all__ = ["confusion_matrices", "draw_all", "reliability_diagram", "roc_curves", "subject_confusion"]

GRID = np.linspace(0, 1, 101)


def draw_all(
    outcomes: Sequence[Outcome], summary: Mapping[str, Any], folder: str | Path, positive: int = 1
) -> dict[str, Path]:
    """Draw all figures that the predictions allow, at the largest label fraction; title and file of each."""
    folder, full = Path(folder), max(outcome.fraction for outcome in outcomes)
    here = [outcome for outcome in outcomes if outcome.fraction == full]
    names = [entry["name"] for entry in summary["classes"]]
    auc = {entry["set"]: entry["metrics"]["auc"]["value"] for entry in summary["results"] if entry["fraction"] == full}
    confidence = summary["confidence"]
    drawn = {
        "ROC curves": roc_curves(here, folder / "roc.png", auc=auc, positive=positive, confidence=confidence),
        "Confusion matrices": confusion_matrices(here, names, folder / "confusion.png"),
        "Calibration": reliability_diagram(here, folder / "calibration.png"),
    }
    if len(summary["fractions"]) > 1:
        metrics = ["auc", *headline_metrics(len(names))]
        drawn["Label fractions"] = label_fraction_figure(summary, folder / "label_fractions.png", metrics)
    return drawn


def roc_curves(
    outcomes: Sequence[Outcome],
    path: str | Path,
    *,
    auc: Mapping[str, float],
    positive: int = 1,
    confidence: float = 0.95,
    resamples: int = 500,
    banded: Collection[str] | None = None,
    width: float = WIDTH,
) -> Path:
    """ROC of each method, averaged over seeds (and over classes, one against the rest, if there are more than two).

    Args:
        outcomes: outcomes, one per method.
        path: path of the PNG or SVG file.
        auc: AUC of each method, for the legend.
        positive: index of the positive class of two.
        confidence: pointwise confidence level of the bands, from a bootstrap over subjects.
        resamples: number of bootstrap resamples.
        banded: names of methods with bands, as all would overlap; default: the first and that with the largest AUC.
        width: width in inches.
    """
    counts = resample_counts(outcomes[0].labels, resamples)
    curves = [_roc(outcome, np.ones((1, len(outcome.labels))), positive)[0] for outcome in outcomes]
    areas = [auc[outcome.name] for outcome in outcomes]
    banded = banded or {outcomes[0].name, outcomes[int(np.argmax(areas))].name}
    with figure(path, _height(5.6, width, len(outcomes)), width=width) as (drawing, axes):
        axis = axes[0, 0]
        axis.plot([0, 1], [0, 1], color=GREY, linestyle=":", linewidth=1.2, label="Chance")
        for index, outcome in enumerate(outcomes):
            style = line_style(index)
            axis.plot(GRID, curves[index], **style, label=f"{outcome.name}, AUC {areas[index]:.2f}")
            if outcome.name in banded:
                tail = (1 - confidence) / 2
                low, high = np.quantile(_roc(outcome, counts, positive), [tail, 1 - tail], axis=0)
                axis.fill_between(GRID, low, high, color=style["color"], alpha=0.13, linewidth=0)
        axis.set(xlim=(-0.01, 1.01), ylim=(-0.01, 1.01), aspect="equal", anchor="W")
        axis.set(xlabel="1 - specificity", ylabel="Sensitivity")
        n = len(outcomes[0].labels)
        axis.set_title(f"ROC, {n} subjects, bands: {confidence:.0%} over subjects", loc="left")
        place_legend(drawing, axis, **_legend_size(width, len(outcomes)))
    return Path(path)


def subject_confusion(outcome: Outcome) -> np.ndarray:
    """Number of subjects of each true (rows) and predicted class (columns), each subject once.

    With several seeds, a subject's class is the one with the largest mean probability over them.
    """
    several = len(outcome.predictions) > 1
    predicted = outcome.probabilities.mean(0).argmax(-1) if several else outcome.predictions[0]
    return confusion_matrix(outcome.labels, predicted, labels=range(outcome.num_classes))


def confusion_matrices(outcomes: Sequence[Outcome], classes: Sequence[str], path: str | Path) -> Path:
    """Confusion matrix of each method, see :func:`subject_confusion`, coloured by the share of the true class."""
    columns = 3 if len(classes) == 2 else 2
    rows = -(-len(outcomes) // columns)
    with figure(path, 9 / columns * rows + 0.5, rows, columns) as (_, axes):
        for axis in axes.flat[len(outcomes) :]:
            axis.set_axis_off()
        for axis, outcome in zip(axes.flat, outcomes, strict=False):
            matrix = subject_confusion(outcome)
            shares = matrix / matrix.sum(1, keepdims=True)
            display = ConfusionMatrixDisplay(shares, display_labels=classes)
            display.plot(ax=axis, cmap="Blues", colorbar=False, im_kw={"vmin": 0, "vmax": 1})
            axis.tick_params("y", rotation=90)
            for label in axis.get_yticklabels():
                label.set_verticalalignment("center")
            for text, number, share in zip(display.text_.flat, matrix.flat, shares.flat, strict=True):
                text.set_text(f"{number}\n{share:.0%}")
            axis.grid(False)
            axis.set_title(outcome.name)
            axis.set(xlabel="Predicted", ylabel="True")
    return Path(path)


def reliability_diagram(outcomes: Sequence[Outcome], path: str | Path, bins: int = 5, width: float = WIDTH) -> Path:
    """Accuracy of the most probable class over its probability, in bins with equal numbers of subjects."""
    low = 1 / outcomes[0].num_classes
    with figure(path, _height(5.2, width, len(outcomes)), width=width) as (drawing, axes):
        axis = axes[0, 0]
        axis.plot([low, 1], [low, 1], color=GREY, linestyle=":", linewidth=1.2, label="Perfect")
        for index, outcome in enumerate(outcomes):
            right = (outcome.probabilities.argmax(-1) == outcome.labels).ravel()
            confidence = outcome.probabilities.max(-1).ravel()
            observed, stated = calibration_curve(right, confidence, n_bins=bins, strategy="quantile")
            axis.plot(stated, observed, **line_style(index), marker="o", label=outcome.name)
        axis.set(xlim=(low - 0.02, 1.02), ylim=(-0.02, 1.02))
        axis.set(xlabel="Probability of the predicted class", ylabel="Share of correct predictions")
        axis.set_title(f"Calibration, {bins} bins with equal numbers of subjects", loc="left")
        place_legend(drawing, axis, **_legend_size(width, len(outcomes)))
    return Path(path)


def _height(wide: float, width: float, entries: int) -> float:
    """Height in inches, with the legend of a narrow figure below it."""
    return wide if width > NARROW else 0.9 * width + 0.19 * entries


def _legend_size(width: float, entries: int) -> dict[str, float]:
    return {"fontsize": min(10, 230 / entries)} if width > NARROW else {}


def _roc(outcome: Outcome, counts: np.ndarray, positive: int) -> np.ndarray:
    """Sensitivity over ``GRID`` in each resample, averaged over seeds and classes, shape ``[B, 101]``."""
    if outcome.num_classes == 2:
        parts = [(outcome.labels == positive, scores) for scores in outcome.scores]
    else:
        classes = range(outcome.num_classes)
        parts = [(outcome.labels == label, scores[:, label]) for scores in outcome.scores for label in classes]
    curves = np.zeros((len(counts), len(GRID)))
    for is_positive, scores in parts:
        order = np.argsort(-scores, kind="stable")
        last = np.flatnonzero(np.r_[np.diff(scores[order]) != 0, True])  # ties move the curve together
        true = np.cumsum(counts[:, order] * is_positive[order], axis=1)[:, last]
        false = np.cumsum(counts[:, order] * ~is_positive[order], axis=1)[:, last]
        for row in range(len(counts)):
            curves[row] += np.interp(GRID, np.r_[0, false[row] / false[row, -1]], np.r_[0, true[row] / true[row, -1]])
    return curves / len(parts)
