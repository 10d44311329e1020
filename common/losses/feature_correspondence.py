"""The loss of radiomics-deep feature correspondence."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.functional import binary_cross_entropy_with_logits, cross_entropy

from ..distributed import all_reduce
from ..errors import InputError
from ..networks.memory_bank import MemoryBank
from ..transforms.base import column_to
from ..transforms.draw import rand_rows
from .info_nce import check_temperature

__all__ = ["FeatureCorrespondenceLoss"]


class FeatureCorrespondenceLoss(nn.Module):
    """InfoNCE both ways between a batch and two memory banks (Zhao and Yang 2021, Eq. 1 and 2).

    ``L = L_dr + L_rd`` with ``L_dr = mean_i -log(exp(d_i R_i / T) / sum_j exp(d_i R_j / T))``: the image's vector ``d``
    of sample i against the radiomics bank ``R`` of all samples; ``L_rd`` is the same with ``r`` and the images' bank.
    Eq. 1 omits temperature and positive in the sum; both are in its cited sources. Three choices:

    - Positives are rows of the bank, as in CMC (Tian et al. 2020), and not the counterpart in the batch: all terms are
      then one matrix product. Both branches learn, as each is the anchor of one direction; rows have no gradient.
    - The sum runs over the whole bank (**ours**): at 2,916 samples that is faster and better than a sample of it.
    - ``negatives`` = K is CMC's way: K samples are drawn with replacement for each anchor, the same for both
      directions, and the loss distinguishes the positive (Gutmann & Hyvarinen 2010): ``L_dr = mean_i -(log h(i) +
      sum_k log(1 - h(k)))`` with ``h(j) = p_j / (p_j + K / n)`` and ``p_j = exp(d_i R_j / T) / Z``. Z, one for each
      direction, is estimated from the first batch as n times the mean of ``exp(d_i R_j / T)`` over drawn samples, and
      then fixed; it is stored in the bank.

    With several processes the mean of their losses is the loss of the joined batch, as all have the same bank.

    Args:
        bank: memory bank on the device of the network's output.
        temperature: temperature T; "the temperature is 0.07".
        negatives: number K of negatives; ``None`` for the whole bank.

    Raises:
        InputError: the temperature is not above 0, or there is less than one negative.

    Shape:
        - output: ``(d, r)``, each ``B[F]``, L2-normalised, such as :class:`~common.networks.HybridOutput`.
        - index: ``B``, the samples' rows in the bank.
        - result: a scalar.
    """

    def __init__(self, bank: MemoryBank, temperature: float = 0.07, negatives: int | None = None) -> None:
        super().__init__()
        if negatives is not None and negatives < 1:
            raise InputError(f"negatives: {negatives}; expected at least 1, or null for the whole bank; correct it")
        self.bank = bank
        self.temperature = check_temperature(temperature, "the paper takes 0.07")
        self.negatives = negatives

    def forward(self, output: Sequence[torch.Tensor], index: torch.Tensor) -> torch.Tensor:
        """The sum of both directions, the mean over the batch."""
        index = index.to(output[0].device)
        with torch.autocast(output[0].device.type, enabled=False):
            d, r = (view.to(torch.promote_types(view.dtype, torch.float32)) for view in output)
            pairs = (d, self.bank.radiomics), (r, self.bank.image)
            logits = [(anchor / self.temperature) @ rows.to(anchor.dtype).T for anchor, rows in pairs]  # BxN
            if self.negatives is None:
                return cross_entropy(logits[0], index) + cross_entropy(logits[1], index)
            return self._nce(logits, index, self.negatives)

    def _nce(self, logits: list[torch.Tensor], index: torch.Tensor, negatives: int) -> torch.Tensor:
        num_samples = logits[0].shape[1]
        drawn = (rand_rows(len(index), negatives) * num_samples).long()
        columns = torch.cat([index[:, None], column_to(drawn, logits[0])], dim=1)  # the positive first
        scores = torch.stack([view.gather(1, columns) for view in logits])  # 2xBx(1+K)
        if self.bank.log_normalizers.isnan().any():
            self.bank.log_normalizers.copy_(_log_normalizers(scores.detach(), num_samples))
        scores = scores - self.bank.log_normalizers[:, None, None] - math.log(negatives / num_samples)
        target = torch.zeros_like(scores)
        target[..., 0] = 1
        return binary_cross_entropy_with_logits(scores, target, reduction="sum") / len(index)


def _log_normalizers(scores: torch.Tensor, num_samples: int) -> torch.Tensor:
    """``log Z`` of each direction, of the joined batch: n times the mean of the exponentials."""
    mean = scores.double().exp().mean(dim=(1, 2))  # in double precision finite for temperatures above 1 / 709
    if dist.is_available() and dist.is_initialized():
        mean = all_reduce(mean) / dist.get_world_size()
    return (num_samples * mean).log()
