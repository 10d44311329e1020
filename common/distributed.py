"""The joined batch of all processes, in the order of a single process, and sums over processes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.distributed as dist

__all__ = ["all_reduce", "concatenate", "exchange_rows", "gather_rows", "join_rows", "own_rows"]


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
        tensor: tensor of the same shape on every process.

    Returns:
        The sum, on every process. The gradient of this process's tensor includes the use of the sum on all processes.
    """
    return _AllReduce.apply(tensor)


def join_rows(rows: torch.Tensor) -> tuple[torch.Tensor, int]:
    """Rows of all processes, one process after the other, with gradient, and this process's rank.

    Args:
        rows: this process's rows, equally many on every process.
    """
    if not (dist.is_available() and dist.is_initialized()):
        return rows, 0
    rank = dist.get_rank()
    parts = [rows if number == rank else torch.zeros_like(rows) for number in range(dist.get_world_size())]
    return all_reduce(torch.cat(parts)), rank


def concatenate(parts: Sequence[torch.Tensor]) -> torch.Tensor:
    """Rows of an epoch's steps on the device of the latest; those of a checkpoint are on the CPU."""
    return torch.cat([part.to(parts[-1].device) for part in parts])


def gather_rows(rows: torch.Tensor) -> torch.Tensor:
    """Rows of all processes, ``B... -> (B*W)...``: row i of process r is row ``i * W + r`` of the joined batch."""
    import ignite.distributed as idist

    world_size = idist.get_world_size()
    if world_size == 1:
        return rows
    gathered = idist.all_gather(rows.contiguous())  # process after process
    return gathered.view(world_size, *rows.shape).transpose(0, 1).flatten(0, 1)


def own_rows(joined: torch.Tensor) -> torch.Tensor:
    """This process's rows of the joined batch, the inverse of :func:`gather_rows`."""
    import ignite.distributed as idist

    return joined[idist.get_rank() :: idist.get_world_size()]


def exchange_rows(rows: torch.Tensor, chosen: torch.Tensor) -> torch.Tensor:
    """This process's share of the chosen rows of the joined batch, sent by whichever process has them.

    Args:
        rows: this process's rows of the joined batch, ``B...``.
        chosen: positions in the joined batch, the same on every process.

    Returns:
        Rows ``own_rows(chosen)`` of the joined batch.
    """
    import ignite.distributed as idist

    rank, world_size = idist.get_rank(), idist.get_world_size()
    if world_size == 1:
        return rows[chosen.to(rows.device)]
    mine = (chosen % world_size == rank).to(rows.device)
    shared = rows.new_zeros(len(chosen), *rows.shape[1:])
    shared[mine] = rows[(chosen // world_size).to(rows.device)[mine]]
    return own_rows(idist.all_reduce(shared))  # each row is zero everywhere but on its owner
