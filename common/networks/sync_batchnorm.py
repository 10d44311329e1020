"""Batch norm with statistics of all processes, on any device."""

from __future__ import annotations

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from ..distributed import all_reduce

__all__ = ["convert_sync_batchnorm"]


class _CpuSyncBatchNorm(_BatchNorm):
    """:class:`torch.nn.SyncBatchNorm`, which refuses CPU tensors, by differentiable all-reduces."""

    def _check_input_dim(self, input: torch.Tensor) -> None:
        if input.dim() < 2:
            raise ValueError(f"expected at least 2 dimensions (B[C]...), got {input.dim()}")

    def forward(self, input: torch.Tensor) -> torch.Tensor:
        if not (self.training and dist.is_initialized()):
            return super().forward(input)
        axes = [0, *range(2, input.dim())]
        # autocast's low precision is too coarse for sums over a volume
        x = input.to(torch.promote_types(input.dtype, torch.float32))
        count = x.new_tensor([x.numel() / x.shape[1]])
        # two passes, as the one-pass E[x^2] - E[x]^2 cancels where the mean is large
        total, count = all_reduce(torch.cat([x.sum(axes), count])).split([x.shape[1], 1])
        mean = total / count
        shape = [1, -1, *[1] * (input.dim() - 2)]
        centred = x - mean.view(shape)
        variance = all_reduce(centred.square().sum(axes)) / count
        if (
            self.track_running_stats
            and self.running_mean is not None
            and self.running_var is not None
            and self.num_batches_tracked is not None
        ):
            with torch.no_grad():
                self.num_batches_tracked += 1
                momentum = 1 / float(self.num_batches_tracked) if self.momentum is None else self.momentum
                self.running_mean.lerp_(mean, momentum)
                self.running_var.lerp_(variance * count / (count - 1), momentum)
        normalised = centred * torch.rsqrt(variance + self.eps).view(shape)
        if self.affine:
            normalised = normalised * self.weight.view(shape) + self.bias.view(shape)
        return normalised.to(input.dtype)


def convert_sync_batchnorm(module: nn.Module, device: torch.device) -> nn.Module:
    """Replace every batch norm in ``module`` by a synchronised one.

    Args:
        module: network to convert, in place.
        device: device of the network: :class:`torch.nn.SyncBatchNorm` for CUDA, the same formula for others (gloo)
            by all-reduces.

    Returns:
        The network, with the same parameters and buffers under the same names.
    """
    if device.type == "cuda":
        return nn.SyncBatchNorm.convert_sync_batchnorm(module)
    for name, child in module.named_children():
        if isinstance(child, _BatchNorm):
            synced = _CpuSyncBatchNorm(child.num_features, child.eps, child.momentum, child.affine)
            synced = synced.to(child.weight if child.affine else child.running_mean)
            synced.load_state_dict(child.state_dict())
            # a momentum target's parameters stay without gradient
            synced.requires_grad_(all(parameter.requires_grad for parameter in child.parameters()))
            setattr(module, name, synced.train(child.training))
        else:
            convert_sync_batchnorm(child, device)
    return module
