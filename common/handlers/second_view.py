"""The second view of pretext tasks, which need only one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import ignite.distributed as idist
import torch
from ignite.engine import Engine
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

__all__ = ["second_view"]

SHARE = 10  # of an epoch's steps one in so many, the last ones: a forward pass costs a third of a step
FEWEST = 16  # samples, below which ranks say little


@torch.no_grad()
def second_view(engine: Engine, first: torch.Tensor) -> torch.Tensor:
    """Features of the step's images under another draw of the augmentation and distortion, NaN but in the last steps.

    The last tenth of an epoch's steps, and at least 16 samples, are encoded once more, as in the step: in training
    mode, with the statistics of the batch. The training is as without: batch norms keep their running statistics, and
    random generators their states.

    Args:
        engine: trainer after a step, whose network's output has ``watched``.
        first: features of the first view, ``BxF``.
    """
    length: int = engine.state.epoch_length or 1
    needed = max(length // SHARE, -(-FEWEST // (len(first) * idist.get_world_size())))
    if (engine.state.iteration - 1) % length < length - needed:
        return torch.full_like(first, torch.nan)
    device = torch.device(engine.state.device)
    with torch.random.fork_rng([device] if device.type == "cuda" else []), _untracked_statistics(engine.network):
        x, _ = engine.prepare_batch(engine.state.batch, device, engine.non_blocking)
        return engine.inferer(x, engine.network).watched[0].float()


@contextmanager
def _untracked_statistics(network: nn.Module) -> Iterator[None]:
    """Within the block, batch norms in training mode keep their running statistics."""
    norms = [module for module in network.modules() if isinstance(module, _BatchNorm) and module.track_running_stats]
    for norm in norms:
        norm.track_running_stats = False
    try:
        yield
    finally:
        for norm in norms:
            norm.track_running_stats = True
