"""The joined batch of all processes, in the order in which one process would have it."""

from __future__ import annotations

import ignite.distributed as idist
import torch

__all__ = ["exchange_rows", "gather_rows", "own_rows"]


def gather_rows(rows: torch.Tensor) -> torch.Tensor:
    """Rows of all processes, ``B... -> (B*W)...``: row i of process r is row ``i * W + r`` of the joined batch."""
    world_size = idist.get_world_size()
    if world_size == 1:
        return rows
    gathered = idist.all_gather(rows.contiguous())  # process after process
    return gathered.view(world_size, *rows.shape).transpose(0, 1).flatten(0, 1)


def own_rows(joined: torch.Tensor) -> torch.Tensor:
    """This process's rows of the joined batch: what :func:`gather_rows` put together, taken apart again."""
    return joined[idist.get_rank() :: idist.get_world_size()]


def exchange_rows(rows: torch.Tensor, chosen: torch.Tensor) -> torch.Tensor:
    """This process's share of the chosen rows of the joined batch, sent by whichever process has them.

    Args:
        rows: this process's rows of the joined batch, ``B...``.
        chosen: positions in the joined batch, the same on every process.

    Returns:
        Rows ``own_rows(chosen)`` of the joined batch.
    """
    rank, world_size = idist.get_rank(), idist.get_world_size()
    if world_size == 1:
        return rows[chosen.to(rows.device)]
    mine = (chosen % world_size == rank).to(rows.device)
    shared = rows.new_zeros(len(chosen), *rows.shape[1:])
    shared[mine] = rows[(chosen // world_size).to(rows.device)[mine]]
    return own_rows(idist.all_reduce(shared))  # each row is zero everywhere but on its owner
