"""Features of slices of a volume, by a network for pictures."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn
from torch.nn import functional

__all__ = ["SliceEncoder"]

CHUNK = 64  # slices in a forward pass


class SliceEncoder(nn.Module):
    """Encode slices near the middle of a volume along its three axes with a network for pictures, and average (ours).

    The simplest use of weights from ImageNet for volumes: three slices along each axis, resized to the size that the
    network expects, each modality alone. The network stays as it is.

    Args:
        encoder: network from ``B[1]HW`` to feature maps ``BFhw``.
        image_size: height and width of the resized slices, in pixels.
        offsets: distances of the slices from the middle of an axis, in voxels.
        intensity_range: intensities of the volume that become -1 and 1, the range of the Lite networks.

    Shape:
        ``BMHWD -> B[M*F]``.

    Example:
        >>> from common.networks import EfficientNetBackbone
        >>> encoder = SliceEncoder(EfficientNetBackbone("efficientnet-lite0"), image_size=[32, 32])
        >>> encoder(torch.rand(1, 2, 8, 8, 8)).shape
        torch.Size([1, 2560])
    """

    def __init__(
        self,
        encoder: nn.Module,
        image_size: Sequence[int] = (96, 96),
        offsets: Sequence[int] = (-2, 0, 2),
        intensity_range: tuple[float, float] = (0.0, 255.0),
    ) -> None:
        super().__init__()
        self.encoder = encoder
        self.image_size = tuple(image_size)
        self.offsets = tuple(offsets)
        self.intensity_range = intensity_range

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The features."""
        low, high = self.intensity_range
        slices = torch.stack([self._resized(part) for part in self._slices(x)], dim=2)
        pictures = (slices - low) * (2 / (high - low)) - 1
        maps = [self.encoder(part).mean((2, 3)) for part in pictures.flatten(0, 2).unsqueeze(1).split(CHUNK)]
        return torch.cat(maps).unflatten(0, slices.shape[:3]).mean(2).flatten(1)

    def _slices(self, x: torch.Tensor) -> list[torch.Tensor]:
        """Slices along each axis, those beyond the border replaced by the last one."""
        places = [
            (axis, min(max(x.shape[axis] // 2 + offset, 0), x.shape[axis] - 1))
            for axis in (2, 3, 4)
            for offset in self.offsets
        ]
        return [x.select(axis, place) for axis, place in places]

    def _resized(self, x: torch.Tensor) -> torch.Tensor:
        return functional.interpolate(x, size=self.image_size, mode="bilinear", antialias=True)
