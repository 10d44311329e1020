"""The loss of MLSSCL."""

from __future__ import annotations

import torch
from torch import nn

from ..errors import InputError
from ..networks.key_queue import KeyQueue
from ..networks.long_short import LONG_SHORT, MULTIVIEW, LongShortOutput, clip_views
from .info_nce import check_temperature, info_nce

__all__ = ["LongShortLoss"]


class LongShortLoss(nn.Module):
    """``L = alpha * L_multiview + beta * L_long-short`` (Cao et al. 2022, "Contrastive Loss").

    ``L_multiview = L_N(v_a, v_c) + L_N(v_a, v_s) + L_N(v_c, v_s)`` and ``L_long-short = L_N(v_S, v_L)`` with the axial
    clip as ``v_L``; ``L_N`` is :func:`~.info_nce.info_nce`. In each the first is the online network's query, the second
    the target's key, and the negatives are the queue of the second's view.

    "False negatives": cohorts have several visits of one subject, and these are no negatives of each other (**ours**).

    Args:
        queue: one queue for each view of keys, filled by :class:`~common.handlers.KeyQueueHandler` after the loss.
        temperature: temperature T. **Ours**: 0.1.
        alpha: weight of the multiview terms; 0, the paper's ablation "Long-Short" (Table 3), computes none of them.
        beta: weight of the long-short term; 0, the ablation "Multiview", leaves it out.
        mask_same_subject: whether to ignore keys of the query's own subject.

    Raises:
        InputError: the temperature is not above 0, a weight is negative, or both are 0; in ``forward``, when the output
            lacks the vectors of a term.

    Shape:
        - output: a :class:`~common.networks.LongShortOutput` of ``BxF``.
        - subjects: ``B``, a whole number from 0 for each subject.
        - result: a scalar.
    """

    def __init__(
        self,
        queue: KeyQueue,
        temperature: float = 0.1,
        alpha: float = 1.0,
        beta: float = 1.0,
        mask_same_subject: bool = True,
    ) -> None:
        super().__init__()
        self.views = clip_views(alpha, beta)  # checks the weights
        self.queue = queue
        self.temperature = check_temperature(temperature, "0.1 is ours")
        self.terms = [
            (weight, query, key)
            for weight, terms in ((alpha, MULTIVIEW), (beta, LONG_SHORT))
            if weight
            for query, key in terms
        ]
        self.mask_same_subject = mask_same_subject

    def forward(self, output: LongShortOutput, subjects: torch.Tensor) -> torch.Tensor:
        """The weighted sum of the terms, each a mean over the batch."""
        allowed = self.queue.allowed(subjects if self.mask_same_subject else None)
        losses = [
            weight * info_nce(*self._pair(output, query, key), self.queue.negatives(key), allowed, self.temperature)
            for weight, query, key in self.terms
        ]
        return torch.stack(losses).sum()

    def _pair(self, output: LongShortOutput, query: str, key: str) -> tuple[torch.Tensor, torch.Tensor]:
        vectors = getattr(output, f"q_{query}"), getattr(output, f"k_{key}")
        if vectors[0] is None or vectors[1] is None:
            raise InputError(
                f"clips: the term {query} -> {key} lacks one; expected the clips {', '.join(self.views)}; set views, "
                "alpha and beta alike for sampling, network and loss"
            )
        return vectors
