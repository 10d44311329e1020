"""MoCo: a query encoder, and a momentum encoder for keys."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import nn

from .unit_vectors import unit_vectors

__all__ = ["MomentumContrastNetwork", "MomentumContrastOutput"]


class MomentumContrastOutput(NamedTuple):
    """Queries and keys, named as in MoCo's Algorithm 1, ``BxF``, L2-normalised."""

    q: torch.Tensor
    k: torch.Tensor  # no gradient

    @property
    def queue_keys(self) -> dict[str, torch.Tensor]:
        """Keys for the queue, by view."""
        return {"image": self.k}

    @property
    def watched(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Query and key, which :class:`~common.handlers.CollapseMonitor` watches."""
        return self.q, self.k


class MomentumContrastNetwork(nn.Module):
    """MoCo: "the key encoder is a slowly progressing encoder", of one of two views (He et al. 2020, Algorithm 1).

    The encoder ends in a 2-layer MLP, as in MoCo v2. :class:`~common.handlers.MomentumUpdate` updates the target, a
    :class:`~common.handlers.KeyQueue` stores the keys. Batches are not shuffled among processes: batch norms are
    synchronised in all bundles, so that a query does not share its statistics with its own key alone.

    Args:
        encoder: network from ``B[C]HWD`` to ``B[F]``, with projector and initial weights.

    Shape:
        two views, each ``B[C]HWD``, to a :class:`MomentumContrastOutput` of two ``B[F]``.
    """

    def __init__(self, encoder: nn.Module) -> None:
        super().__init__()
        self.encoder = encoder
        self.target = copy.deepcopy(encoder).requires_grad_(False)

    def forward(self, views: Sequence[torch.Tensor]) -> MomentumContrastOutput:
        """Queries of the first view, keys of the second."""
        x_q, x_k = views
        with torch.no_grad():
            k = unit_vectors(self.target(x_k))
        return MomentumContrastOutput(unit_vectors(self.encoder(x_q)), k)
