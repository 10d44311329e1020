"""Classifiers with probabilities as output."""

from __future__ import annotations

from torch import nn

__all__ = ["with_probabilities"]


def with_probabilities(network: nn.Module, probabilities: nn.Module) -> nn.Module:
    """Make a classifier return probabilities instead of logits, for evaluation and export, and return it.

    Args:
        network: classifier with an attribute ``probabilities``, such as :class:`EncoderClassifier`; changed in place.
        probabilities: module from logits to probabilities, such as ``torch.nn.Softmax``, without weights.
    """
    network.probabilities = probabilities
    return network
