"""Reference inputs, on which all formats of a network must agree."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn

__all__ = ["reference_inputs"]

_BATCH = 3
_DECIDED = 0.999  # a probability that a wrong logit would hardly change
_SMALLEST = 1e-6  # share of the value range
_NUDGE = 2.0**-20  # of each value, some of float32's last digits
_SENSITIVE = 1e-5  # change of a probability; formats have to agree within ten times this


def reference_inputs(
    network: nn.Module, shape: Sequence[int], value_range: Sequence[float] = (0.0, 1.0), seed: int = 0
) -> torch.Tensor:
    """Seeded noise in the network's range of values, on which its probabilities are not saturated, nor a matter of
    rounding.

    Where a softmax is saturated, wrong formats agree with right ones; where the last digits of the input decide, as
    with a classifier at chance whose logits for noise are huge, right formats disagree. So the noise is divided by ten
    until the first input's largest probability is small enough, and no output changes with the last digits.

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
    nudge = 1 + _NUDGE * torch.sign(torch.rand(noise.shape, generator=generator) - 0.5)
    scale = 1.0
    with torch.no_grad():
        while scale > _SMALLEST and not _is_usable(network, scale * noise, nudge):
            scale /= 10
    return scale * noise


def _is_usable(network: nn.Module, inputs: torch.Tensor, nudge: torch.Tensor) -> bool:
    """Whether the first input is not saturated, and no output depends on the last digits of the inputs."""
    outputs = network(inputs)
    return bool(outputs[0].max() <= _DECIDED and (network(inputs * nudge) - outputs).abs().max() <= _SENSITIVE)
