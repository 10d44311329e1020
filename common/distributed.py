"""Sums over the processes that gradients pass through."""

from __future__ import annotations

import torch
import torch.distributed as dist

__all__ = ["all_reduce"]


class _AllReduce(torch.autograd.Function):
    """Sum over the processes; the gradient of a sum that all use is the sum of their gradients."""

    @staticmethod
    def forward(context, tensor: torch.Tensor) -> torch.Tensor:
        total = tensor.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(context, gradient: torch.Tensor) -> torch.Tensor:
        total = gradient.contiguous().clone()
        dist.all_reduce(total)
        return total


def all_reduce(tensor: torch.Tensor) -> torch.Tensor:
    """Sum of a tensor over all processes, on any backend; torch's own differentiable collectives are private.

    Args:
        tensor: of the same shape on every process.

    Returns:
        The sum, on every process. What any of them makes of it has a gradient for this process's tensor.
    """
    return _AllReduce.apply(tensor)
