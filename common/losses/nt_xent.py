"""The loss of SimCLR."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.functional import cross_entropy, normalize

from ..distributed import join_rows
from .info_nce import check_temperature

__all__ = ["NTXentLoss"]


class NTXentLoss(nn.Module):
    """Normalised temperature-scaled cross-entropy (Chen et al. 2020, Eq. 1).

    ``L = mean_i w_i (l(i, j) + l(j, i)) / 2`` over the pairs ``(i, j)`` of views, with ``l(i, j) = -log(exp(s_ij / T) /
    sum_{k != i} exp(s_ik / T))`` and ``s`` the cosine similarity. One matrix product and one cross-entropy, whose
    log-sum-exp stays finite at any temperature; :class:`monai.losses.ContrastiveLoss` compares all pairs of vectors
    element by element and overflows below ``T = 1 / log(max float)``, 0.0113 in single precision.

    With several processes the negatives are those of all, with gradient: the mean of the processes' losses, whose
    gradient :class:`~torch.nn.parallel.DistributedDataParallel` gives, is the loss of the joined batch. Every process
    must have a batch of the same size.

    Args:
        temperature: temperature T.

    Raises:
        InputError: the temperature is not above 0.

    Shape:
        - outputs: ``(t1, t2, ...)``, each ``B[F]``: the vectors of the two views; further entries are ignored.
        - weights: ``B``, or ``None`` for equal weights.
        - result: a scalar.

    Example:
        >>> views = torch.eye(2)
        >>> NTXentLoss(temperature=1.0)((views, views))  # -log(e / (e + 1 + 1))
        tensor(0.5514)
    """

    def __init__(self, temperature: float = 0.5) -> None:
        super().__init__()
        self.temperature = check_temperature(temperature, "SimCLR takes 0.5")

    def forward(self, outputs: tuple[torch.Tensor, ...], weights: torch.Tensor | None = None) -> torch.Tensor:
        """The weighted mean over the batch."""
        with torch.autocast(outputs[0].device.type, enabled=False):
            z = torch.cat([outputs[0], outputs[1]])  # 2NxF
            z = normalize(z.to(torch.promote_types(z.dtype, torch.float32)), dim=1)
            keys, rank = join_rows(z)
            itself = torch.arange(len(z), device=z.device) + rank * len(z)  # position among the keys
            positive = itself.roll(len(z) // 2)
            logits = (z / self.temperature) @ keys.T  # 2Nx2NW
            logits = logits.scatter(1, itself[:, None], -torch.inf)
            loss = cross_entropy(logits, positive, reduction="none").view(2, -1).mean(dim=0)  # N
        return loss.mean() if weights is None else (weights * loss).mean()
