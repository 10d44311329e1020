"""The networks of several folds as one."""

from __future__ import annotations

import copy

import torch
from torch import nn

from .probabilities import log_mean_probability

__all__ = ["FoldEnsemble"]


class FoldEnsemble(nn.Module):
    """Mean probability of networks of different folds ("deep ensembles", Lakshminarayanan et al. 2017).

    The output is the logarithm of the mean probability, whose softmax is the mean again: so it takes the place of the
    logits of a single network, for calibration and export.

    Args:
        network: classifier with logits as output, of which the members are copies; their weights are loaded together.
        number: number of members.
        probabilities: module from logits to probabilities, for evaluation and export; ``None`` returns logits.

    Shape:
        ``B[C]... -> B[num_classes]``, or the output of ``probabilities``.
    """

    def __init__(self, network: nn.Module, number: int, probabilities: nn.Module | None = None) -> None:
        super().__init__()
        self.members = nn.ModuleList(copy.deepcopy(network) for _ in range(number))
        self.probabilities = probabilities

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits, or probabilities."""
        logits = log_mean_probability(torch.stack([member(x) for member in self.members]))
        return logits if self.probabilities is None else self.probabilities(logits)
