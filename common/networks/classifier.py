"""A pre-trained encoder with a linear classifier."""

from __future__ import annotations

import torch
from torch import nn

__all__ = ["EncoderClassifier"]


class EncoderClassifier(nn.Module):
    """Encoder, dropout and a linear layer: "the same encoder backbone" of the supervised rows (paper 003, section 4).

    Args:
        encoder: network from ``B[C]HWD`` to ``B[F]`` that tells ``F`` as ``out_features``.
        num_classes: number of classes.
        dropout: probability of dropping a feature in training.
        softmax: return probabilities, for evaluation and export, instead of logits, which cross-entropy wants. Both
            have the same weights.

    Shape:
        ``B[C]HWD -> B[num_classes]``.
    """

    def __init__(self, encoder: nn.Module, num_classes: int, dropout: float = 0.0, softmax: bool = False) -> None:
        super().__init__()
        self.encoder = encoder
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(encoder.out_features, num_classes)
        self.softmax = softmax

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Logits, or probabilities, ``B[num_classes]``."""
        logits = self.head(self.dropout(self.encoder(x))).float()  # under autocast a softmax would not add up to 1
        return logits.softmax(dim=1) if self.softmax else logits
