"""Reference inputs, on which all formats of a network must agree."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

__all__ = ["reference_inputs"]

_BATCH = 3
_DECIDED = 0.999  # a probability that a wrong logit would hardly change
_SMALLEST = 1e-6  # share of the value range


def reference_inputs(
    network: nn.Module, shape: Sequence[int], value_range: Sequence[float] = (0.0, 1.0), seed: int = 0
) -> torch.Tensor:
    """Seeded noise in the network's range of values, on which its probabilities are not saturated.

    Where a softmax is saturated, wrong formats agree with right ones. So the noise is divided by ten until the first
    input's largest probability is small enough.

    Args:
        network: network from ``B[C]HWD`` to probabilities, in evaluation mode.
        shape: shape of one input, channels first.
        value_range: smallest and largest value.
        seed: random seed for the noise.

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
