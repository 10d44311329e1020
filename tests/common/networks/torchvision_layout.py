"""torchvision's EfficientNet-B0 and B2 (``torchvision/models/efficientnet.py``), as far as its checkpoints show."""

from __future__ import annotations

import math

import torch
from torch import nn

# expansion, kernel, stride, channels in and out, layers of each stage of B0: _efficientnet_conf
STAGES = (
    (1, 3, 1, 32, 16, 1),
    (6, 3, 2, 16, 24, 2),
    (6, 5, 2, 24, 40, 2),
    (6, 3, 2, 40, 80, 3),
    (6, 5, 1, 80, 112, 3),
    (6, 5, 2, 112, 192, 4),
    (6, 3, 1, 192, 320, 1),
)


def divisible(channels: float) -> int:
    """``_make_divisible`` by 8."""
    rounded = max(8, int(channels + 4) // 8 * 8)
    return rounded + 8 if rounded < 0.9 * channels else rounded


class ConvNormActivation(nn.Sequential):
    def __init__(self, before, after, kernel=3, stride=1, groups=1, act=True):
        conv = nn.Conv2d(before, after, kernel, stride, (kernel - 1) // 2, groups=groups, bias=False)
        super().__init__(conv, nn.BatchNorm2d(after), *([nn.SiLU()] if act else []))


class SqueezeExcitation(nn.Module):
    def __init__(self, channels, squeezed):
        super().__init__()
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        self.fc1 = nn.Conv2d(channels, squeezed, 1)
        self.fc2 = nn.Conv2d(squeezed, channels, 1)

    def forward(self, x):
        return x * torch.sigmoid(self.fc2(nn.functional.silu(self.fc1(self.avgpool(x)))))


class MBConv(nn.Module):
    def __init__(self, expand, kernel, stride, before, after):
        super().__init__()
        wide = divisible(before * expand)
        layers = [ConvNormActivation(before, wide, 1)] if wide != before else []
        layers.append(ConvNormActivation(wide, wide, kernel, stride, groups=wide))
        layers.append(SqueezeExcitation(wide, max(1, before // 4)))
        layers.append(ConvNormActivation(wide, after, 1, act=False))
        self.block = nn.Sequential(*layers)
        self.shortcut = stride == 1 and before == after

    def forward(self, x):
        return self.block(x) + x if self.shortcut else self.block(x)


class EfficientNet(nn.Module):
    def __init__(self, width: float, depth: float, num_classes: int = 1000) -> None:
        super().__init__()
        layers: list[nn.Module] = [ConvNormActivation(3, divisible(32 * width), stride=2)]
        for expand, kernel, stride, before, after, repeats in STAGES:
            before, after = divisible(before * width), divisible(after * width)
            blocks = [MBConv(expand, kernel, stride, before, after)]
            blocks += [MBConv(expand, kernel, 1, after, after) for _ in range(math.ceil(repeats * depth) - 1)]
            layers.append(nn.Sequential(*blocks))
        last = 4 * after
        layers.append(ConvNormActivation(after, last, 1))
        self.features = nn.Sequential(*layers)
        self.classifier = nn.Sequential(nn.Dropout(0.3), nn.Linear(last, num_classes))
