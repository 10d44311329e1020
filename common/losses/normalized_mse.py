"""The loss of BYOL and of the multi-modality learner."""

from __future__ import annotations

import torch

from .negative_cosine import NegativeCosineLoss

__all__ = ["NormalizedMSELoss"]


class NormalizedMSELoss(NegativeCosineLoss):
    """Squared distance of normalised vectors, summed over both directions (Chiang et al. 2023, Eq. 1 to 3, Algorithm
    1).

    ``L = mean_i w_i (D(t1_i, r2_i) + D(t2_i, r1_i))`` with ``D(z, q) = |z / |z| - q / |q||^2 = 2 - 2 cos(z, q)``. The
    paper divides by ``|z|^2``; only division by the norm makes its second equality true. "The stop gradient operation
    will treat the corresponding value as a constant": targets get no gradient.

    For equal weights it is ``4 + 4 L`` with the loss L of :class:`NegativeCosineLoss`, so that the gradients differ by
    the factor 4 alone.

    Shape:
        - outputs: ``(t1, t2, r1, r2)``, each ``B[F]``: predictions and targets of two views; further entries are
          ignored.
        - weights: ``B``, or ``None`` for equal weights.
        - result: a scalar in ``[0, 8 max(w)]``.

    Example:
        >>> t = torch.eye(3)
        >>> NormalizedMSELoss()((t, t, -t, -t))
        tensor(8.)
    """

    def each(self, outputs: tuple[torch.Tensor, ...]) -> torch.Tensor:
        """The loss of each sample, ``B``."""
        return 4 + 4 * super().each(outputs)
