"""The loss of age-aware contrastive learning."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.functional import normalize

from ..distributed import join_rows
from ..errors import InputError
from .info_nce import check_temperature

__all__ = ["AgeAwareLoss"]


class AgeAwareLoss(nn.Module):
    """y-aware InfoNCE with the age as y (Dufumier et al. 2021, section 2).

    ``L = -mean_i sum_k w_ik / (sum_j w_ij) log(exp(s_ik / T) / sum_j exp(s_ij / T))`` over all other vectors ``k, j !=
    i`` of both views, with the cosine similarity ``s`` and the Gaussian kernel ``w_ik = exp(-(y_i - y_k)^2 / (2
    sigma^2))`` of the difference in age: brains of similar age should be close. It is the paper's formula as mean over
    both views; the authors' code divides the kernel by the sums of its columns and adds the views. A sigma near 0
    leaves only each vector's own second view, which is :class:`NTXentLoss`.

    With several processes all vectors of the joined batch are compared, as in :class:`NTXentLoss`.

    Args:
        temperature: temperature T; 0.1 in the authors' code.
        sigma: width of the kernel, in years; 5 in the authors' code.

    Raises:
        InputError: temperature or sigma is not above 0.

    Shape:
        - outputs: ``(t1, t2, ...)``, each ``B[F]``: the vectors of the two views; further entries are ignored.
        - ages: ``B``, in years.
        - result: a scalar.
    """

    def __init__(self, temperature: float = 0.1, sigma: float = 5.0) -> None:
        super().__init__()
        self.temperature = check_temperature(temperature, "the authors take 0.1")
        if not sigma > 0:
            raise InputError(f"sigma: {sigma}; expected a number of years above 0; the authors take 5")
        self.sigma = sigma

    def forward(self, outputs: tuple[torch.Tensor, ...], ages: torch.Tensor) -> torch.Tensor:
        """The mean over both views of the batch."""
        with torch.autocast(outputs[0].device.type, enabled=False):
            z = torch.cat([outputs[0], outputs[1]])  # 2NxF
            z = normalize(z.to(torch.promote_types(z.dtype, torch.float32)), dim=1)
            y = torch.cat([ages, ages]).to(z)[:, None]
            keys, rank = join_rows(z)
            itself = torch.arange(len(z), device=z.device)[:, None] + rank * len(z)  # position among the keys
            logits = ((z / self.temperature) @ keys.T).scatter(1, itself, -torch.inf)  # 2Nx2NW
            distances = ((y - join_rows(y)[0].T) / self.sigma).square() / 2
            weights = (-distances).scatter(1, itself, -torch.inf).softmax(dim=1)  # the kernel, its rows adding up to 1
            terms = weights * logits.log_softmax(dim=1).scatter(1, itself, 0.0)
            return -terms.sum(dim=1).mean()
