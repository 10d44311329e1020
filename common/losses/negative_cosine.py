"""The loss of SimSiam, with a weight for each sample."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.functional import cosine_similarity

__all__ = ["NegativeCosineLoss"]


class NegativeCosineLoss(nn.Module):
    """Symmetrised negative cosine similarity (Li et al. 2021, Eq. 1 and 2), weighted by RE.

    ``L = mean_i w_i (S(t1_i, r2_i) + S(t2_i, r1_i)) / 2`` with ``S(t, r) = -cos(t, r)``. "This loss is defined and
    computed for each sample with re-weighting in the batch X or the new batch B_c with equal weights." The mean is
    plain: weights of at least 1 raise the loss instead of distributing it. Targets get no gradient.

    Shape:
        - outputs: ``(t1, t2, r1, r2)``, each ``B[F]``; further entries are ignored.
        - weights: ``B``, or ``None`` for equal weights.
        - result: a scalar in ``[-max(w), max(w)]``.

    Example:
        >>> t = torch.eye(3)
        >>> NegativeCosineLoss()((t, t, t, t), torch.tensor([1.0, 1.0, 4.0]))
        tensor(-2.)
    """

    def forward(self, outputs: tuple[torch.Tensor, ...], weights: torch.Tensor | None = None) -> torch.Tensor:
        """The weighted mean over the batch."""
        loss = self.each(outputs)
        return loss.mean() if weights is None else (weights * loss).mean()

    def each(self, outputs: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """The loss of each sample, ``B``."""
        t1, t2, r1, r2 = (output.to(torch.promote_types(output.dtype, torch.float32)) for output in outputs[:4])
        r1, r2 = r1.detach(), r2.detach()
        return -0.5 * (cosine_similarity(t1, r2) + cosine_similarity(t2, r1))
