"""A classifier that gives probabilities."""

from __future__ import annotations

from torch import nn

__all__ = ["with_probabilities"]


def with_probabilities(network: nn.Module, probabilities: nn.Module) -> nn.Module:
    """Let a classifier give probabilities instead of logits and return it, for evaluation and export.

    Args:
        network: classifier with an attribute ``probabilities``, such as :class:`EncoderClassifier`; changed in place.
        probabilities: module from logits to probabilities, such as ``torch.nn.Softmax``; it has no weights.
    """
    network.probabilities = probabilities
    return network
