"""Fusion of the feature maps of several modalities into one."""

from __future__ import annotations

import torch
from torch import nn

from ..errors import InputError

__all__ = ["CrossModalityConv", "CrossModalityGroupConv"]

_SHORTCUTS = {"each": 1, "pairs": 2, "none": 0}  # number of pointwise blocks within one shortcut


class CrossModalityConv(nn.Module):
    """CMC, for comparison: one Mx1x1 convolution over the modalities (Tseng et al. 2017; Chiang et al. 2023, Table 4).

    5.947 M parameters and 291.4 MMAC for 1408 channels, three modalities and 7x7.

    Args:
        channels: number of channels of each modality's feature map, and of the fused one.
        num_modalities: number M of modalities.

    Raises:
        InputError: in ``forward``, the number of modalities is another.

    Shape:
        ``BCMHW -> BCHW``.
    """

    def __init__(self, channels: int = 1408, num_modalities: int = 3) -> None:
        super().__init__()
        self.channels = channels
        self.num_modalities = num_modalities
        self.conv = _cross_conv(channels, num_modalities, groups=1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The fused feature map."""
        check_modalities(x, self.num_modalities)
        return self.conv(x.flatten(1, 2))


class CrossModalityGroupConv(nn.Module):
    """CGC: cross-modality group convolution with channel shuffle (Chiang et al. 2023, section 3.2 and 4.1.2).

    "We stack together the same channels of different modalities features [...] then perform 3x1x1 group convolution
    followed by three layers of 1x1 group convolution"; "Swish and BN have been applied to all group convolutions layers
    before the channel shuffle operation". For 1408 channels, three modalities and 7x7: 1.498 M parameters and 72.9
    MMAC; with one group, the dense equivalent, 11.906 M and 582.8.

    Args:
        channels: number of channels of each modality's feature map, and of the fused one.
        num_modalities: number M of modalities.
        groups: number of groups of all convolutions; must divide ``channels``.
        num_pointwise: number of 1x1 convolutions.
        shortcut: placement of the identity shortcuts. ``each`` (**ours**): around each 1x1 block; ``pairs``: around
            pairs of 1x1 blocks, without an odd last one; ``none``. The paper's "between every two consecutive
            convolution blocks" is not possible as written: the Mx1x1 block changes the size.

    Raises:
        InputError: ``groups`` doesn't divide ``channels``, or ``shortcut`` is unknown; in ``forward``, the number of
            modalities is another.

    Shape:
        ``BCMHW -> BCHW``.

    Example:
        >>> CrossModalityGroupConv(channels=16, num_modalities=3, groups=4)(torch.rand(2, 16, 3, 7, 7)).shape
        torch.Size([2, 16, 7, 7])
    """

    def __init__(
        self,
        channels: int = 1408,
        num_modalities: int = 3,
        groups: int = 8,
        num_pointwise: int = 3,
        shortcut: str = "each",
    ) -> None:
        super().__init__()
        if groups < 1 or channels % groups:
            raise InputError(f"groups: {groups} does not divide the {channels} channels; choose a number that does")
        if shortcut not in _SHORTCUTS:
            raise InputError(f"shortcut: {shortcut!r}; expected one of {', '.join(_SHORTCUTS)}; correct it")
        self.channels = channels
        self.num_modalities = num_modalities
        self.span = _SHORTCUTS[shortcut]
        self.cross = nn.Sequential(_cross_conv(channels, num_modalities, groups), *_norm_act_shuffle(channels, groups))
        self.pointwise = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(channels, channels, 1, groups=groups, bias=False), *_norm_act_shuffle(channels, groups)
            )
            for _ in range(num_pointwise)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """The fused feature map."""
        check_modalities(x, self.num_modalities)
        x = self.cross(x.flatten(1, 2))
        shortcut = x
        for number, block in enumerate(self.pointwise, start=1):
            x = block(x)
            if self.span > 0 and number % self.span == 0:
                x = x + shortcut
                shortcut = x
        return x


def check_modalities(x: torch.Tensor, expected: int) -> None:
    """Refuse feature maps ``BCMHW`` with another number of modalities than the network has."""
    if x.dim() != 5 or x.shape[2] != expected:
        raise InputError(
            f"num_modalities: feature maps of shape {list(x.shape)}; expected [B, C, {expected}, H, W]; "
            "set num_modalities to the number of images of each patient"
        )


def _cross_conv(channels: int, num_modalities: int, groups: int) -> nn.Conv2d:
    """The Mx1x1 convolution, as a 1x1 convolution of the ``C * M`` maps.

    The result is the same for the same weights: a group has all modalities of its channels. With weights of four
    dimensions, the whole network can be ``channels_last``.
    """
    return nn.Conv2d(channels * num_modalities, channels, 1, groups=groups, bias=False)


def _norm_act_shuffle(channels: int, groups: int) -> tuple[nn.Module, ...]:
    """The order of section 4.1.2. The shuffle is ShuffleNet's: ``view(g, n)``, transpose, flatten."""
    return nn.BatchNorm2d(channels), nn.SiLU(inplace=True), nn.ChannelShuffle(groups)
