"""Bank with the latest features of each sample."""

from __future__ import annotations

import torch
from torch import nn

from ..distributed import gather_rows

__all__ = ["FeatureBank"]


class FeatureBank(nn.Module):
    """The latest feature of every sample of a cohort, updated whenever training uses the sample.

    With it RE/SE needs no additional forward passes. Buffers are persistent, so checkpoints include it; all processes
    have the same bank.

    Args:
        num_samples: size of the cohort.
        num_features: length of a feature vector.
    """

    features: torch.Tensor
    labels: torch.Tensor
    seen: torch.Tensor

    def __init__(self, num_samples: int, num_features: int) -> None:
        super().__init__()
        self.register_buffer("features", torch.zeros(num_samples, num_features))
        self.register_buffer("labels", torch.full((num_samples,), -1))  # -1: none; for logs only
        self.register_buffer("seen", torch.zeros(num_samples, dtype=torch.bool))

    @torch.no_grad()
    def update(self, index: torch.Tensor, features: torch.Tensor, labels: torch.Tensor | None = None) -> None:
        """Store ``features`` (``BxF``) and ``labels`` of the samples ``index`` (``B``) of all processes."""
        device = features.device
        index = gather_rows(index.to(device)).to(self.features.device)
        if labels is not None:
            self.labels[index] = gather_rows(labels.to(device)).to(self.labels)
        self.features[index] = gather_rows(features.float()).to(self.features.device)
        self.seen[index] = True

    def forward(self, index: torch.Tensor) -> torch.Tensor:
        """The stored features of the samples ``index``, ``BxF``.

        Raises:
            RuntimeError: a sample has no features yet, as the warm-up epoch did not cover the cohort.
        """
        if not bool(self.seen[index].all()):
            raise RuntimeError("the feature bank lacks samples; RE/SE from the bank needs at least one warm-up epoch")
        return self.features[index]
