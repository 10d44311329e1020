"""Reference inputs: what every format of a network must answer alike."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

__all__ = ["reference_inputs"]

_BATCH = 3
_DECIDED = 0.999  # a probability of which a wrong logit would change little
_SMALLEST = 1e-6  # share of the value range


def reference_inputs(
    network: nn.Module, shape: Sequence[int], value_range: Sequence[float] = (0.0, 1.0), seed: int = 0
) -> torch.Tensor:
    """Seeded noise in the range of values that the network expects, on which it is undecided.

    Where a softmax is saturated, wrong formats agree with right ones. So the noise is made smaller, tenfold each time,
    until the first of its inputs leaves the network undecided.

    Args:
        network: in evaluation mode, from ``B[C]HWD`` to probabilities.
        shape: of one input, channels first.
        value_range: smallest and largest value.
        seed: of the noise.

    Returns:
        ``B[C]HWD`` with ``B`` = 3, float32.
    """
    low, high = value_range or (0.0, 1.0)
    generator = torch.Generator().manual_seed(seed)
    noise = low + (high - low) * torch.rand((_BATCH, *shape), generator=generator)
    scale = 1.0
    with torch.no_grad():
        while scale > _SMALLEST and network(scale * noise[:1]).max() > _DECIDED:
            scale /= 10
    return scale * noise
