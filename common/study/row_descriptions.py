"""What a row of a comparison is, in one line for the readers of its report."""

from __future__ import annotations

from collections.abc import Mapping

from ..evaluation.protocols.methods import Encoder, FineTuning, Probe

__all__ = ["describe_row"]


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
    if row.start is None:
        return "logistic regression on traditional radiomics of the masked region, no network"
    if isinstance(row.start, Encoder):
        encoder = f"an encoder pre-trained without labels: {described.get(row.start.overlay, row.start.name)}"
        if isinstance(row, FineTuning):
            return f"network fine-tuned from {encoder}"
        parts = [described[name] for name in row.start.features if name in described]
        return "; ".join([f"logistic regression on the features of {encoder}", *parts])
    weights = {"scratch": "random weights, trained on the labels alone", "imagenet": "ImageNet's weights, fine-tuned"}
    return f"network with {weights[row.start]}"
