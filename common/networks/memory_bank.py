"""Two memory banks with both views of every sample."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn.functional import normalize

from ..distributed import gather_rows
from ..errors import InputError

__all__ = ["MemoryBank"]


class MemoryBank(nn.Module):
    """One vector of each view for every training sample (Zhao and Yang 2021, section 2.2; Wu et al. 2018).

    "We maintain two memory banks to store two views' feature embeddings for each training sample [...]. The memory
    banks are dynamically updated with latent features computed on the fly." A row is a moving average, normalised to
    length 1: ``row = normalize(m * row + (1 - m) * new)``. All state is in persistent buffers, so that checkpoints
    include it; all processes have the same banks.

    Args:
        num_samples: size of the training set; "the capacity of the memory bank is the size of the entire training
            data set".
        num_features: length of a vector.
        momentum: momentum m; "a momentum for memory update is 0.5".

    Raises:
        InputError: the momentum is outside [0, 1).
    """

    image: torch.Tensor
    radiomics: torch.Tensor
    filled: torch.Tensor
    log_normalizers: torch.Tensor

    def __init__(self, num_samples: int, num_features: int = 128, momentum: float = 0.5) -> None:
        super().__init__()
        if not 0 <= momentum < 1:
            raise InputError(f"momentum: {momentum}; expected a number from 0 to below 1; the paper takes 0.5")
        self.momentum = momentum
        self.register_buffer("image", torch.zeros(num_samples, num_features))
        self.register_buffer("radiomics", torch.zeros(num_samples, num_features))
        self.register_buffer("filled", torch.zeros(num_samples, dtype=torch.bool))
        self.register_buffer("log_normalizers", torch.full((2,), torch.nan))  # log Z of sampled NCE, once it is known

    def update(self, index: torch.Tensor, output: Sequence[torch.Tensor]) -> None:
        """Update the rows of this batch on all processes.

        Args:
            index: samples of this process, ``B``; each sample at most once in the joined batch.
            output: vectors ``(image, radiomics)`` of the samples, each ``B[F]``, L2-normalised.
        """
        device = output[0].device
        rows = [gather_rows(view.detach().to(self.image.dtype)) for view in output]
        self.move(gather_rows(index.to(device)), rows)

    @torch.no_grad()
    def move(self, index: torch.Tensor, output: Sequence[torch.Tensor]) -> None:
        """Update the rows on this process alone; an empty row is set to the new vector."""
        index = index.to(self.image.device)
        for bank, view in zip((self.image, self.radiomics), output, strict=True):
            bank[index] = normalize(torch.lerp(view.to(bank), bank[index], self.momentum), dim=1)
        self.filled[index] = True
