"""Multiview long-short spatial contrastive learning (MLSSCL)."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from typing import NamedTuple

import torch
from torch import nn

from ..errors import InputError
from .unit_vectors import unit_vectors

__all__ = ["LONG_SHORT", "MULTIVIEW", "LongShortNetwork", "LongShortOutput", "clip_views", "key_views"]

# terms of the loss: the online network's clip and the target network's
MULTIVIEW = (("axial", "coronal"), ("axial", "sagittal"), ("coronal", "sagittal"))
LONG_SHORT = (("short", "axial"),)
VIEWS = ("axial", "coronal", "sagittal", "short")


class LongShortOutput(NamedTuple):
    """Queries of the online network and keys of the target, ``BxF``, L2-normalised; ``None`` where no term needs it."""

    q_axial: torch.Tensor | None
    q_coronal: torch.Tensor | None
    q_short: torch.Tensor | None
    k_axial: torch.Tensor | None  # no gradient, as all keys
    k_coronal: torch.Tensor | None
    k_sagittal: torch.Tensor | None

    @property
    def queue_keys(self) -> dict[str, torch.Tensor]:
        """Keys for the queues, by view."""
        named = {"axial": self.k_axial, "coronal": self.k_coronal, "sagittal": self.k_sagittal}
        return {view: key for view, key in named.items() if key is not None}

    @property
    def watched(self) -> tuple[torch.Tensor, torch.Tensor]:
        """A query of the online network and its key, which :class:`~common.handlers.CollapseMonitor` watches."""
        query = next(query for query in (self.q_axial, self.q_short) if query is not None)
        keys = (None if self.q_axial is None else self.k_coronal, self.k_axial)
        return query, next(key for key in keys if key is not None)


class LongShortNetwork(nn.Module):
    """Online network and its slowly moving target (Cao et al. 2022, "Network Architecture").

    "One online encoder: a backbone + a projector head (2-layer MLP) + a prediction head (2-layer MLP). Three target
    encoders (share weights): a backbone + a projector head; updated in the manner of momentum" by
    :class:`~common.handlers.MomentumUpdate`. Which network encodes which clip is **ours**: the online one axial,
    coronal and short, the target axial, coronal and sagittal. Only the clips of terms of the loss are encoded, so that
    ablations save time, see :func:`clip_views`.

    Args:
        encoder: network from ``B[C]HWD`` to ``B[F]``, with projector and initial weights.
        predictor: network from ``B[F]`` to ``B[F]``.
        batched_targets: whether to encode the target's clips in one batch, with fewer and larger kernels. Batch norms
            then use the statistics of all views together; with norms that don't mix samples, such as instance norm, or
            with ``False`` each view has its own.
        batched_queries: whether to encode the online network's clips in one batch.

    Shape:
        clips by name, each ``B[C]HWD`` and all of one size, to a :class:`LongShortOutput`.
    """

    def __init__(
        self, encoder: nn.Module, predictor: nn.Module, batched_targets: bool = True, batched_queries: bool = False
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.predictor = predictor
        self.target = copy.deepcopy(encoder).requires_grad_(False)
        self.batched_targets = batched_targets
        self.batched_queries = batched_queries

    def forward(self, clips: Mapping[str, torch.Tensor]) -> LongShortOutput:
        """Queries and keys of the clips."""
        terms = [(query, key) for query, key in MULTIVIEW + LONG_SHORT if query in clips and key in clips]
        if not terms:
            raise InputError(
                f"clips: {', '.join(clips) or 'none'}; expected those of a term: {', '.join(VIEWS)}; see clip_views"
            )
        with torch.no_grad():  # the target first, so that its activations are freed before those for the gradient
            keys = _encode(self.target, clips, [key for _, key in terms], self.batched_targets)
        queries = _encode(self._online, clips, [query for query, _ in terms], self.batched_queries)
        return LongShortOutput(
            *(queries.get(view) for view in ("axial", "coronal", "short")),
            *(keys.get(view) for view in ("axial", "coronal", "sagittal")),
        )

    def _online(self, clip: torch.Tensor) -> torch.Tensor:
        return self.predictor(self.encoder(clip))


def clip_views(alpha: float = 1.0, beta: float = 1.0) -> list[str]:
    """Names of the clips for the terms with a weight.

    Args:
        alpha: weight of the multiview terms.
        beta: weight of the long-short term.

    Raises:
        InputError: both are 0, or one is negative.

    Example:
        >>> clip_views(alpha=0)
        ['axial', 'short']
    """
    needed = {view for term in _terms(alpha, beta) for view in term}
    return [view for view in VIEWS if view in needed]


def key_views(alpha: float = 1.0, beta: float = 1.0) -> list[str]:
    """Names of the views with a queue, see :func:`clip_views`."""
    needed = {key for _, key in _terms(alpha, beta)}
    return [view for view in VIEWS if view in needed]


def _terms(alpha: float, beta: float) -> list[tuple[str, str]]:
    if not (alpha >= 0 and beta >= 0 and alpha + beta > 0):
        raise InputError(f"alpha, beta: {alpha}, {beta}; expected numbers from 0, one of them above; correct them")
    return [*(MULTIVIEW if alpha else ()), *(LONG_SHORT if beta else ())]


def _encode(
    network: Callable[[torch.Tensor], torch.Tensor], clips: Mapping[str, torch.Tensor], views: list[str], batched: bool
) -> dict[str, torch.Tensor]:
    """Vectors of the clips of these views, each once."""
    views = list(dict.fromkeys(views))
    if not batched:
        return {view: unit_vectors(network(clips[view])) for view in views}
    joined = unit_vectors(network(torch.cat([clips[view] for view in views])))  # views x B, F
    return dict(zip(views, joined.chunk(len(views)), strict=True))
