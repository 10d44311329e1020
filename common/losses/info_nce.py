"""InfoNCE against remembered negatives."""

from __future__ import annotations

import torch
from torch.nn.functional import cross_entropy

from ..errors import InputError

__all__ = ["check_temperature", "info_nce"]


def info_nce(
    query: torch.Tensor, key: torch.Tensor, negatives: torch.Tensor, allowed: torch.Tensor, temperature: float
) -> torch.Tensor:
    """``L_N(v1, v2) = -E[log(exp h(v1_i, v2_i) / sum_{j=1}^{K+1} exp h(v1_i, v2_j))]`` (Cao et al. 2022, introduction).

    ``h`` is the cosine divided by the temperature; the K negatives come from a queue, the positive is in the sum. A row
    without any allowed negative has the loss 0 and no gradient, as the formula implies: this occurs in the first step,
    when the queue is still empty. The loss then grows while the queue fills.

    Args:
        query: L2-normalised queries, ``BxF``.
        key: positive of each query, ``BxF``, L2-normalised, without gradient.
        negatives: L2-normalised negatives, ``KxF``.
        allowed: flags of the negatives that count for each query, booleans ``BxK`` or ``1xK``.
        temperature: temperature T.

    Returns:
        The mean over the batch, in float32 at least.
    """
    with torch.autocast(query.device.type, enabled=False):
        dtype = torch.promote_types(query.dtype, torch.float32)
        query, key, negatives = query.to(dtype) / temperature, key.detach().to(dtype), negatives.to(dtype)
        positive = (query * key).sum(dim=1, keepdim=True)  # Bx1
        logits = (query @ negatives.T).masked_fill(~allowed, -torch.inf)  # BxK
        target = torch.zeros(len(query), dtype=torch.long, device=query.device)
        return cross_entropy(torch.cat([positive, logits], dim=1), target)


def check_temperature(temperature: float, usual: str) -> float:
    """Check that a temperature is above 0.

    Raises:
        InputError: it is not.
    """
    if not temperature > 0:
        raise InputError(f"temperature: {temperature}; expected a number above 0; {usual}")
    return temperature
