"""A pre-trained encoder with a linear classifier."""

from __future__ import annotations

import torch
from torch import nn

from .interfaces import VectorEncoder

__all__ = ["EncoderClassifier"]


class EncoderClassifier(nn.Module):
    """Encoder, dropout and a linear layer: "the same encoder backbone" of the supervised rows (Li et al. 2021, section
    4).

    Args:
        encoder: network from ``B[C]HWD`` to ``B[F]`` with attribute ``out_features`` (F).
        num_classes: number of classes.
        dropout: probability of dropping a feature in training.
        probabilities: module from logits to probabilities, for evaluation and export: ``torch.nn.Softmax`` or
            :class:`~common.networks.CalibratedSoftmax`. ``None`` returns logits, for cross-entropy. Both have
            the same weights.

    Shape:
        ``B[C]HWD -> B[num_classes]``, or the output of ``probabilities``.
    """

    def __init__(
        self, encoder: VectorEncoder, num_classes: int, dropout: float = 0.0, probabilities: nn.Module | None = None
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(encoder.out_features, num_classes)
        self.probabilities = probabilities

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits, or probabilities."""
        logits = self.head(self.dropout(self.encoder(x))).float()  # under autocast a softmax would not add up to 1
        return logits if self.probabilities is None else self.probabilities(logits)
