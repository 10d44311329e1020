"""The 3D encoder of 3DSiam."""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import pairwise

import torch
from monai.networks.blocks import Convolution
from monai.networks.layers.factories import Pool
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm
from torch.utils.checkpoint import checkpoint

__all__ = ["BottleneckBlock", "BottleneckEncoder"]


class BottleneckBlock(nn.Module):
    """Bottleneck residual block 1-3-1 with an identity shortcut, at constant size and width (Table 3, rows 2 and 3).

    Args:
        spatial_dims: number of spatial dimensions, 2 or 3.
        channels: number of channels of input, output and all three convolutions.

    Shape:
        ``B[C]HWD -> B[C]HWD``.
    """

    def __init__(self, spatial_dims: int, channels: int) -> None:
        super().__init__()
        self.squeeze = Convolution(
            spatial_dims, channels, channels, kernel_size=1, bias=False, adn_ordering="NA", **_BN
        )
        self.conv = Convolution(spatial_dims, channels, channels, kernel_size=3, bias=False, adn_ordering="NA", **_BN)
        self.expand = Convolution(spatial_dims, channels, channels, kernel_size=1, bias=False, adn_ordering="N", **_BN)
        self.act = nn.ReLU(inplace=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Shape ``B[C]HWD`` in and out."""
        return self.act(self.expand(self.conv(self.squeeze(x))) + x)


class BottleneckEncoder(nn.Module):
    """Encoder of 3DSiam from volumes of any size to one feature vector each.

    "We build a 3D convolutional neural network with two bottleneck blocks as the encoder for all experiments" (Li et
    al. 2021, section 3). Supplement, Table 3: conv 3^3 (32); two bottleneck residual blocks of 32 at full size;
    max-pool 3; conv 64; pool; conv 128; pool; conv 256; global average pool; dense 324 with batch norm; dense 256. Its
    "stride 0" is a stride of the kernel's size with the remainder dropped (96 -> 32 -> 10 -> 3). 1.392 M parameters and
    57.7 GMAC for 4x96^3. An axis shorter than the pooling kernel is pooled completely, so that any input size is valid.

    Args:
        spatial_dims: number of spatial dimensions, 2 or 3.
        in_channels: number of modalities.
        channels: widths of the first stage and of the three convolutions after it.
        hidden_features: width of the first dense layer.
        out_features: length of the feature vector.
        checkpointing: whether to keep only the output of each full-size layer for the backward pass and recompute the
            rest, for less memory at the cost of one more forward pass. Batch statistics are updated once, as without.

    Shape:
        ``B[C]HWD -> B[F]`` with ``F = out_features``.

    Example:
        >>> BottleneckEncoder(spatial_dims=3, in_channels=4)(torch.rand(2, 4, 32, 32, 32)).shape
        torch.Size([2, 256])
    """

    def __init__(
        self,
        spatial_dims: int = 3,
        in_channels: int = 4,
        channels: Sequence[int] = (32, 64, 128, 256),
        hidden_features: int = 324,
        out_features: int = 256,
        checkpointing: bool = False,
    ) -> None:
        super().__init__()
        self.out_features = out_features
        self.checkpointing = checkpointing
        width = channels[0]
        self.stem = nn.ModuleList(
            [
                Convolution(spatial_dims, in_channels, width, kernel_size=3, bias=False, adn_ordering="NA", **_BN),
                BottleneckBlock(spatial_dims, width),
                BottleneckBlock(spatial_dims, width),
            ]
        )
        self.stages = nn.ModuleList(
            Convolution(spatial_dims, before, after, kernel_size=3, bias=False, adn_ordering="NA", **_BN)
            for before, after in pairwise(channels)
        )
        self.pool = ShrinkingMaxPool(spatial_dims)
        self.global_pool = Pool[Pool.ADAPTIVEAVG, spatial_dims](1)
        self.hidden = nn.Linear(channels[-1], hidden_features, bias=False)
        self.hidden_norm = nn.BatchNorm1d(hidden_features)
        self.out = nn.Linear(hidden_features, out_features)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Features ``B[F]`` of volumes ``B[C]HWD``."""
        for layer in self.stem:
            if torch.jit.is_scripting():  # noqa: SIM108, TorchScript compiles only the branch that it takes
                x = layer(x)
            else:
                x = self._stem_layer(layer, x)
        for stage in self.stages:
            x = self.pool(x)
            if torch.jit.is_scripting():  # noqa: SIM108
                x = stage(x)
            else:
                x = self._stage(stage, x)
        x = self.global_pool(x).flatten(1)
        return self.out(self.hidden_norm(self.hidden(x)))

    @torch.jit.unused
    def _stage(self, stage: nn.Module, x: torch.Tensor) -> torch.Tensor:
        """A convolution after pooling.

        On CPUs, torch 2.13's (oneDNN's) bfloat16 gradient of 3D weights reads uninitialised memory when the first axis
        has two voxels, which sometimes contains NaN. Such small maps cost next to nothing in float32.
        """
        if x.ndim == 5 and x.shape[2] == 2 and x.device.type == "cpu" and torch.is_autocast_enabled("cpu"):
            with torch.autocast("cpu", enabled=False):
                return stage(x.float())
        return stage(x)

    @torch.jit.unused
    def _stem_layer(self, layer: nn.Module, x: torch.Tensor) -> torch.Tensor:
        """A full-size layer, whose inner activations are kept for the backward pass unless ``checkpointing``."""
        if not (self.checkpointing and self.training and torch.is_grad_enabled()):
            return layer(x)

        def contexts() -> tuple[AbstractContextManager, AbstractContextManager]:
            """Nothing for the first pass; statistics that stay for the one that is repeated."""
            return nullcontext(), _frozen_running_statistics(layer)

        return checkpoint(layer, x, use_reentrant=False, context_fn=contexts, preserve_rng_state=False)


class ShrinkingMaxPool(nn.Module):
    """Max-pooling with kernel and stride 3, or the length of a shorter axis (Table 3: "3x3x3, stride 0").

    Args:
        spatial_dims: number of spatial dimensions, 2 or 3.
    """

    def __init__(self, spatial_dims: int, kernel_size: int = 3) -> None:
        super().__init__()
        self.spatial_dims = spatial_dims
        self.kernel_size = kernel_size

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Shape ``B[C]HWD`` to ``B[C]hwd`` with ``h = max(H // 3, 1)``."""
        kernel = [min(self.kernel_size, size) for size in x.shape[2:]]
        if self.spatial_dims == 3:
            return nn.functional.max_pool3d(x, kernel)
        return nn.functional.max_pool2d(x, kernel)


@contextmanager
def _frozen_running_statistics(module: nn.Module) -> Iterator[None]:
    """For the second forward pass: batch norms use the batch and do not update their running statistics."""
    norms = [norm for norm in module.modules() if isinstance(norm, _BatchNorm)]
    before = [(norm.momentum, copy.deepcopy(norm.num_batches_tracked)) for norm in norms]
    for norm in norms:
        norm.momentum = 0.0
    try:
        yield
    finally:
        for norm, (momentum, num_batches) in zip(norms, before, strict=True):
            norm.momentum = momentum
            if norm.num_batches_tracked is not None and num_batches is not None:
                norm.num_batches_tracked.copy_(num_batches)


_BN = {"norm": "batch", "act": ("relu", {"inplace": True})}
