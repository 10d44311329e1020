"""Calibrated probabilities of the classes, and a channel for abstention."""

from __future__ import annotations

import math

import torch
from torch import nn

from ..errors import InputError
from ..programs import command_of

__all__ = ["CalibratedSoftmax"]


class CalibratedSoftmax(nn.Module):
    """Temperature scaling (Guo et al. 2017, section 4.2) with abstaining, as part of the exported network.

    "The simplest extension of Platt scaling, uses a single scalar parameter T > 0 for all classes": ``softmax(z / T)``.
    It "does not affect the model's accuracy", since the order of the classes is kept. A last channel "no call" is 1 if
    the largest probability is below the threshold, else 0; since no probability reaches 1 in that case, the largest
    of all channels is "no call" exactly if the network abstains.

    Args:
        temperature: divisor of the logits; above 1 softens the probabilities, 1 leaves them unchanged.
        threshold: smallest probability of the likeliest class at which it is called; 0 never abstains.

    Raises:
        InputError: the temperature is not a positive number, or the threshold is outside ``[0, 1]``.

    Shape:
        ``B[K] -> B[K+1]``: the classes' probabilities, which add up to 1, and "no call".

    Example:
        >>> CalibratedSoftmax(temperature=2.0, threshold=0.75)(torch.tensor([[4.0, 0.0], [2.0, 0.0]]))
        tensor([[0.8808, 0.1192, 0.0000],
                [0.7311, 0.2689, 1.0000]])
    """

    def __init__(self, temperature: float = 1.0, threshold: float = 0.0) -> None:
        super().__init__()
        if not (temperature > 0 and math.isfinite(temperature)):
            raise InputError(
                f"temperature: {temperature}; expected a positive number; fit it with {command_of('calibrate')}"
            )
        if not 0 <= threshold <= 1:
            raise InputError(f"threshold: {threshold}; expected a probability from 0 to 1; correct it")
        self.temperature = float(temperature)
        self.threshold = float(threshold)

    def forward(self, logits: torch.Tensor) -> torch.Tensor:
        """Probabilities of the classes and "no call"."""
        probabilities = torch.softmax(logits / self.temperature, dim=1)
        no_call = (probabilities.amax(dim=1, keepdim=True) < self.threshold).to(probabilities.dtype)
        return torch.cat([probabilities, no_call], dim=1)
