"""The loss of networks that restore distorted images."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn
from torch.nn.functional import mse_loss

if TYPE_CHECKING:
    from ..networks.pretext import RestorationOutput

__all__ = ["RestorationLoss"]


class RestorationLoss(nn.Module):
    """ "Trained to restore the original sub-volume by MSE loss" (Zhou et al. 2019, section 2): the mean squared error.

    Shape:
        a :class:`~common.networks.RestorationOutput` and the original ``B[C]HWD`` to a scalar.
    """

    def forward(self, output: RestorationOutput, original: torch.Tensor) -> torch.Tensor:
        """The mean squared error."""
        return mse_loss(output.image, original)
