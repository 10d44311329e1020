"""The encoder of radiomics features."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

from torch import nn

__all__ = ["RadiomicsEncoder"]


class RadiomicsEncoder(nn.Sequential):
    """Fully connected layers: features "are standardized and processed by three fully connected layers to
    128-dimensional feature vectors" (Zhao and Yang 2021, section 2.3).

    Its children ``0``, ``1`` and ``2`` are the layers, by which a list of frozen modules can name them:
    ``radiomics_encoder.1``. Widths, ReLU and batch norm in the hidden layers and dropout are **ours**.

    Args:
        in_features: length of the standardised vector.
        hidden_features: widths of the hidden layers.
        out_features: length of the output.
        batch_norm: whether to normalise the hidden layers; training batches then need at least two samples.
        dropout: probability of dropping an input of a layer in training.

    Shape:
        ``B[in_features] -> B[out_features]``.

    Example:
        >>> RadiomicsEncoder(1015)(torch.rand(4, 1015)).shape
        torch.Size([4, 128])
    """

    def __init__(
        self,
        in_features: int,
        hidden_features: Sequence[int] = (512, 256),
        out_features: int = 128,
        batch_norm: bool = True,
        dropout: float = 0.0,
    ) -> None:
        layers = []
        for width, wider in pairwise([in_features, *hidden_features]):
            norm = [nn.BatchNorm1d(wider)] if batch_norm else []
            linear = nn.Linear(width, wider, bias=not batch_norm)
            layers.append(nn.Sequential(nn.Dropout(dropout), linear, *norm, nn.ReLU(inplace=True)))
        last = [in_features, *hidden_features][-1]
        layers.append(nn.Sequential(nn.Dropout(dropout), nn.Linear(last, out_features)))
        super().__init__(*layers)
        self.in_features = in_features
        self.out_features = out_features
