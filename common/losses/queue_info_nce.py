"""The loss of MoCo."""

from __future__ import annotations

import torch
from torch import nn

from ..networks.key_queue import KeyQueue
from ..networks.momentum_contrast import MomentumContrastOutput
from .info_nce import check_temperature, info_nce

__all__ = ["QueueInfoNCELoss"]


class QueueInfoNCELoss(nn.Module):
    """InfoNCE of each query with its key, against the queue (He et al. 2020, Eq. 1), see :func:`~.info_nce.info_nce`.

    Args:
        queue: queue of the negatives, among them those of ``view``; filled by
            :class:`~common.handlers.KeyQueueHandler` after the loss.
        temperature: temperature T; "we set tau = 0.07".
        mask_same_subject: whether to ignore keys of the query's own subject, see :class:`LongShortLoss`.
        view: name of the queue's view.

    Raises:
        InputError: the temperature is not above 0.

    Shape:
        - output: a :class:`~common.networks.MomentumContrastOutput` of ``BxF``.
        - subjects: ``B``, a whole number from 0 for each subject.
        - result: a scalar.
    """

    def __init__(
        self, queue: KeyQueue, temperature: float = 0.07, mask_same_subject: bool = True, view: str = "image"
    ) -> None:
        super().__init__()
        self.queue = queue
        self.temperature = check_temperature(temperature, "MoCo takes 0.07")
        self.mask_same_subject = mask_same_subject
        self.view = view

    def forward(self, output: MomentumContrastOutput, subjects: torch.Tensor) -> torch.Tensor:
        """The mean over the batch."""
        allowed = self.queue.allowed(subjects if self.mask_same_subject else None)
        return info_nce(output.q, output.k, self.queue.negatives(self.view), allowed, self.temperature)
