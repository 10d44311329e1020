"""Classifiers with probabilities as output."""

from __future__ import annotations

import torch
from torch import nn

__all__ = ["TemperedSoftmax", "log_mean_probability", "with_probabilities"]


class TemperedSoftmax(nn.Module):
    """Temperature scaling without a channel for abstention: ``softmax(z / T)`` (Guo et al. 2017, section 4.2).

    Args:
        temperature: divisor of the logits, as ``scripts/calibrate.py`` fits it; 1 leaves the probabilities unchanged.

    Shape:
        ``B[K] -> B[K]``.
    """

    def __init__(self, temperature: float = 1.0) -> None:
        super().__init__()
        self.temperature = float(temperature)

    def forward(self, logits: torch.Tensor) -> torch.Tensor:
        """Probabilities of the classes."""
        return torch.softmax(logits / self.temperature, dim=1)


def log_mean_probability(logits: torch.Tensor) -> torch.Tensor:
    """Logarithm of the mean probability of several predictions, whose softmax is that mean again.

    So it takes the place of the logits of a single prediction, for calibration and export.

    Args:
        logits: logits of M predictions, ``MBK``.

    Returns:
        ``BK``.

    Example:
        >>> log_mean_probability(torch.tensor([[[0.0, 0.0]], [[100.0, 0.0]]])).softmax(1)
        tensor([[0.7500, 0.2500]])
    """
    members = torch.log_softmax(logits.float(), dim=2)
    return torch.logsumexp(members, dim=0) - torch.log(torch.tensor(float(len(logits))))


def with_probabilities(network: nn.Module, probabilities: nn.Module) -> nn.Module:
    """Make a classifier return probabilities instead of logits, for evaluation and export, and return it.

    Args:
        network: classifier with an attribute ``probabilities``, such as :class:`EncoderClassifier`; changed in place.
        probabilities: module from logits to probabilities, such as ``torch.nn.Softmax``, without weights.
    """
    network.probabilities = probabilities
    return network
