"""An exported network of plain probabilities, calibrated as when it is packaged."""

from __future__ import annotations

import torch
from torch import nn

from ...networks import CalibratedSoftmax

__all__ = ["CalibratedNetwork"]

_SMALLEST = 1e-30  # probability whose logarithm is finite


class CalibratedNetwork(nn.Module):
    """Temperature and threshold applied to the probabilities of a network instead of its logits.

    Logarithms of probabilities are logits up to a constant, which the softmax does not see, so the result is that of
    :class:`~common.networks.CalibratedSoftmax` on the logits.

    Args:
        network: network from ``B[C]HWD`` to probabilities ``B[K]``.
        temperature: divisor of the logits.
        threshold: smallest probability of the likeliest class at which it is called.

    Shape:
        ``B[C]HWD -> B[K+1]``: probabilities of the classes, and "no call".

    Example:
        >>> CalibratedNetwork(nn.Identity(), temperature=2.0, threshold=0.6)(torch.tensor([[0.9, 0.1]]))
        tensor([[0.7500, 0.2500, 0.0000]])
    """

    def __init__(self, network: nn.Module, temperature: float, threshold: float) -> None:
        super().__init__()
        self.network = network
        self.calibrated = CalibratedSoftmax(temperature, threshold)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Calibrated probabilities and "no call"."""
        return self.calibrated(self.network(image).float().clamp_min(_SMALLEST).log())
