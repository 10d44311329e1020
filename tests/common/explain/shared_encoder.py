"""A small classifier of several modalities."""

from __future__ import annotations

import torch
from torch import nn


class SharedEncoder(nn.Module):
    """All modalities through one small encoder as rows of one batch, then fused; batch norm as in the real one."""

    def __init__(self, modalities: int, probabilities: nn.Module | None = None) -> None:
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(1, 4, 3, padding=1), nn.BatchNorm2d(4), nn.SiLU())
        self.layer = nn.Conv2d(4, 5, 3, stride=2, padding=1)
        self.last = nn.Sequential(nn.SiLU(), nn.Conv2d(5, 6, 3))
        self.head = nn.Linear(6 * modalities, 3)
        self.probabilities = probabilities

    def rest(self, activations: torch.Tensor, patients: int) -> torch.Tensor:
        return self.head(self.last(activations).mean((2, 3)).reshape(patients, -1))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.rest(self.layer(self.stem(x.reshape(-1, 1, *x.shape[2:]))), len(x))
