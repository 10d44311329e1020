"""Interfaces of encoders for wrappers, heads and classifiers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import torch
from torch import nn

__all__ = ["FeatureMapEncoder", "PyramidEncoder", "VectorEncoder"]


class VectorEncoder(Protocol):
    """Network from a batch, such as images ``B[C]HWD`` or radiomics ``B[R]``, to vectors ``B[out_features]``.

    Attributes:
        out_features: length of the vectors.
    """

    out_features: int

    def __call__(self, x: torch.Tensor, /) -> Any:
        """The vectors of a batch."""


class FeatureMapEncoder(Protocol):
    """Network from images ``B[in_channels]HW`` to a feature map ``B[num_features]hw``.

    Attributes:
        in_channels: number of channels of an image.
        num_features: number of channels of the feature map.
        layers: its layers from the image on, each of one or several modules.
    """

    in_channels: int
    num_features: int

    @property
    def layers(self) -> Sequence[tuple[nn.Module, ...]]:
        """The layers."""

    def __call__(self, x: torch.Tensor, /) -> Any:
        """The feature map of a batch."""


class PyramidEncoder(Protocol):
    """Network with feature maps at several scales, for a decoder with skip connections.

    Attributes:
        feature_channels: number of channels of each feature map, from fine to coarse.
    """

    feature_channels: Sequence[int]

    def feature_maps(self, x: torch.Tensor, /) -> Any:
        """The feature maps of volumes ``B[C]HWD``, from fine to coarse."""
