"""The rows of a study, and what each of them is, in one line for the readers of its report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..bundle_configs import BundleConfigs
from ..errors import InputError
from ..evaluation.protocols.methods import TRADITIONAL, Encoder, FineTuning, Mean, Probe
from ..evaluation.protocols.read_methods import (
    COMPOSITION,
    DIFFERENCES,
    OUTLINE,
    POSITION,
    SLICES,
    read_fine_tunings,
    read_rows,
)
from .plan import Plan

__all__ = ["describe_row", "kind_of", "study_rows"]

Row = FineTuning | Probe
#: What features without an encoder of ours are.
MEASURED = {
    TRADITIONAL: "traditional radiomics of the masked region, no network",
    OUTLINE: "numbers of the mask's outline, such as its volume and solidity, no network",
    POSITION: "the lesion's place in its image, no network",
    COMPOSITION: "shares of the labels of the mask, such as that of the enhancing tumour, no network",
    DIFFERENCES: "differences between modalities of the bright part of the lesion, no network",
    SLICES: "features of slices by a network with ImageNet's weights, which has seen no medical image",
}


def study_rows(configs: BundleConfigs, plan: Plan, modalities: Sequence[str]) -> list[tuple[str, Row]]:
    """Text and row of each method; a method of several modalities has several rows.

    Args:
        configs: configs of the bundle.
        plan: plan with the methods.
        modalities: names of the cohort's modalities.

    Raises:
        InputError: a method cannot be read, or is a mean of others.
    """
    found: list[tuple[str, Row]] = []
    for text in dict.fromkeys(plan.methods):
        rows = (read_fine_tunings if plan.task == "segmentation" else read_rows)(configs, [text], modalities)
        for row in rows:
            if isinstance(row, Mean):
                raise InputError(f"methods: found {text}, expected rows of their own; label_fractions.py takes means")
            found.append((text, row))
    return found


def kind_of(row: Row) -> str:
    """Kind of a row: probe, scratch, imagenet, pretrained, or the name of a row without an encoder of ours."""
    if isinstance(row, Probe):
        return "probe" if row.start else "radiomics" if row.measured == TRADITIONAL else row.measured
    return row.start if isinstance(row.start, str) else "pretrained"


def describe_row(row: FineTuning | Probe, described: Mapping[str, str]) -> str:
    """A row's start and its overlays.

    Args:
        row: row of the comparison.
        described: what overlays are, see :func:`~common.study.protocol.read_descriptions`; others are left out.

    Example:
        >>> describe_row(FineTuning("Supervised", "supervised", "scratch"), {})
        'network with random weights, trained on the labels alone'
    """
    return "; ".join([_start(row, described), *(described[name] for name in row.overlays if name in described)])


def _start(row: FineTuning | Probe, described: Mapping[str, str]) -> str:
    if isinstance(row, Probe) and row.start is None:
        which = f"{row.number} alone, one of the " if row.number else ""
        return f"logistic regression on {which}{MEASURED[row.measured]}"
    if isinstance(row.start, Encoder):
        encoder = f"an encoder pre-trained without labels: {described.get(row.start.overlay, row.start.name)}"
        if isinstance(row, FineTuning):
            return f"network fine-tuned from {encoder}"
        parts = [described[name] for name in row.start.features if name in described]
        return "; ".join([f"logistic regression on the features of {encoder}", *parts])
    weights = {"scratch": "random weights, trained on the labels alone", "imagenet": "ImageNet's weights, fine-tuned"}
    return f"network with {weights[str(row.start)]}"
