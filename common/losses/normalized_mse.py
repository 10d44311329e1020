"""The loss of BYOL and of the multi-modality learner."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.functional import cosine_similarity

__all__ = ["NormalizedMSELoss"]


class NormalizedMSELoss(nn.Module):
    """Squared distance of normalised vectors, summed over both directions (paper 000, Eq. 1 to 3, Algorithm 1).

    ``L = mean_i w_i (D(t1_i, r2_i) + D(t2_i, r1_i))`` with ``D(z, q) = |z / |z| - q / |q||^2 = 2 - 2 cos(z, q)``. The
    paper divides by ``|z|^2``; only division by the norm makes its second equality true. "The stop gradient operation
    will treat the corresponding value as a constant": targets get no gradient.

    Shape:
        - outputs: ``(t1, t2, r1, r2)``, each ``B[F]``: predictions and targets of two views; what follows
          is not used.
        - weights: ``B``, or ``None`` for equal weights.
        - result: a scalar in ``[0, 8 max(w)]``.

    Example:
        >>> t = torch.eye(3)
        >>> NormalizedMSELoss()((t, t, -t, -t))
        tensor(8.)
    """

    def forward(self, outputs: tuple[torch.Tensor, ...], weights: torch.Tensor | None = None) -> torch.Tensor:
        """The weighted mean over the batch."""
        t1, t2, r1, r2 = (output.to(torch.promote_types(output.dtype, torch.float32)) for output in outputs[:4])
        r1, r2 = r1.detach(), r2.detach()
        loss = 4 - 2 * (cosine_similarity(t1, r2) + cosine_similarity(t2, r1))  # N
        return loss.mean() if weights is None else (weights * loss).mean()
